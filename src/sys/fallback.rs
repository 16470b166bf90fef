//! Which newer kernel features are to be treated as missing.
//!
//! A feature is chosen by trying it: where the kernel refuses the call, the
//! fallback takes over, whatever the kernel's version says. So that the
//! fallbacks can be tested on a machine that has every feature, the
//! environment variable `NETPOLL_FALLBACK` names the features to do without,
//! separated by commas:
//!
//! | name | does without | falls back to |
//! |---|---|---|
//! | `epoll_pwait2` | timeouts finer than a millisecond (Linux 5.11) | `epoll_wait`, timeouts rounded up |
//! | `guard` | `MADV_GUARD_INSTALL` (Linux 6.13) | `mprotect`, two mappings for each stack |
//! | `pidfd` | `pidfd_open` (Linux 5.3) | waiting for a process on a thread that blocks |
//!
//! A name that is not in the table is an error that is printed once and then
//! ignored: a test that forces a fallback must not silently test nothing.

use std::sync::OnceLock;

/// A kernel feature that has a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// `epoll_pwait2`.
    EpollPwait2,
    /// `madvise(MADV_GUARD_INSTALL)`.
    Guard,
    /// `pidfd_open`.
    Pidfd,
}

impl Feature {
    const ALL: [(&'static str, Feature); 3] = [
        ("epoll_pwait2", Feature::EpollPwait2),
        ("guard", Feature::Guard),
        ("pidfd", Feature::Pidfd),
    ];

    /// Whether `NETPOLL_FALLBACK` asks to do without this feature.
    pub(crate) fn is_forced_off(self) -> bool {
        static FORCED: OnceLock<Vec<Feature>> = OnceLock::new();
        FORCED
            .get_or_init(|| {
                let list = std::env::var("NETPOLL_FALLBACK").unwrap_or_default();
                let (features, unknown) = parse(&list);
                for name in unknown {
                    eprintln!(
                        "netpoll: NETPOLL_FALLBACK names an unknown feature '{name}'; known are epoll_pwait2, guard and pidfd"
                    );
                }
                features
            })
            .contains(&self)
    }
}

/// The features that a list names, and the names that are none.
fn parse(list: &str) -> (Vec<Feature>, Vec<&str>) {
    let mut features = Vec::new();
    let mut unknown = Vec::new();
    for name in list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match Feature::ALL.iter().find(|(known, _)| *known == name) {
            Some((_, feature)) => features.push(*feature),
            None => unknown.push(name),
        }
    }
    (features, unknown)
}

#[cfg(test)]
mod tests {
    use super::{Feature, parse};

    #[test]
    fn names_are_separated_by_commas() {
        assert_eq!(parse("").0, []);
        assert_eq!(parse("guard").0, [Feature::Guard]);
        assert_eq!(
            parse(" guard, epoll_pwait2 ,").0,
            [Feature::Guard, Feature::EpollPwait2]
        );
    }

    #[test]
    fn an_unknown_name_is_reported() {
        assert_eq!(
            parse("guard,guards"),
            (vec![Feature::Guard], vec!["guards"])
        );
    }
}
