//! One body of a test, run on std and on netpoll: what it notes has to agree.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a body has seen, in order.
pub(crate) type Log = Vec<String>;

/// Tests that are compiled twice, once with `sync` and `thread` of std, and once with
/// those of netpoll, and have to note the same. On netpoll they run as tasks, on one
/// worker and several, and on a plain thread.
macro_rules! same {
    ($($name:ident |$log:ident| $body:block)*) => {
        #[allow(unused_imports, dead_code)]
        mod on_std {
            use crate::same::*;
            use std::{sync, thread};
            $(pub(super) fn $name($log: &mut Log) $body)*
        }
        #[allow(unused_imports, dead_code)]
        mod on_netpoll {
            use crate::same::*;
            use netpoll::{sync, thread};
            $(pub(super) fn $name($log: &mut Log) $body)*
        }
        $(
            #[test]
            fn $name() {
                let mut expected = crate::same::Log::new();
                on_std::$name(&mut expected);
                assert!(!expected.is_empty(), "nothing was noted");
                crate::common::everywhere(move || {
                    let mut found = crate::same::Log::new();
                    on_netpoll::$name(&mut found);
                    assert_eq!(found, expected);
                });
            }
        )*
    };
}

/// Notes what expressions are worth.
macro_rules! note {
    ($log:ident, $($value:expr),+ $(,)?) => {
        $($log.push(format!("{} = {:?}", stringify!($value), $value));)+
    };
}

/// Notes which of the usual traits a type implements.
macro_rules! note_traits {
    ($log:ident, $($type:ty),+ $(,)?) => {
        $(
            $log.push(format!(
                "{}: {:?}",
                stringify!($type),
                [
                    implements!($type: Send),
                    implements!($type: Sync),
                    implements!($type: Unpin),
                    implements!($type: std::panic::UnwindSafe),
                    implements!($type: std::panic::RefUnwindSafe),
                    implements!($type: Clone),
                    implements!($type: Copy),
                    implements!($type: Default),
                    implements!($type: std::fmt::Debug),
                    implements!($type: std::fmt::Display),
                    implements!($type: PartialEq),
                    implements!($type: std::hash::Hash),
                ]
            ));
        )+
    };
}

/// Whether a type implements a trait.
macro_rules! implements {
    ($type:ty: $trait:path) => {{
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        trait Otherwise {
            const YES: bool = false;
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $trait> Probe<T> {
            const YES: bool = true;
        }
        <Probe<$type>>::YES
    }};
}

/// What a closure panics with.
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => "no panic".to_owned(),
        Err(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default(),
    }
}
