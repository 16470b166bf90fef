//! A model of time: a deadline has come, or never comes.

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Past,
    Never,
}
