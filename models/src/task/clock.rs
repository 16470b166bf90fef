//! A model of time: a deadline has come, or never comes.

/// See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    has_come: bool,
}

impl Time {
    pub(crate) const PAST: Self = Self { has_come: true };
    pub(crate) const NEVER: Self = Self { has_come: false };
}
