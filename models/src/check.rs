//! Running a scene.

use loom::model::Builder;

use crate::{Weakening, trace};

/// Runs a scene with every interleaving in which threads are interrupted no more
/// often than this in all, or with every one there is.
///
/// # Panics
///
/// If the scene does not hold.
pub fn check(weakening: Weakening, interruptions: Option<usize>, scene: fn()) {
    weakening.set();
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(interruptions);
    let _print = trace::PrintOnPanic;
    builder.check(move || {
        trace::clear();
        scene();
    });
}

/// Makes tests of scenes: that each holds, and that it breaks under each weakening,
/// with what it says then.
#[macro_export]
macro_rules! scenes {
    ($module:ident: $(
        $scene:ident ($bound:expr) { $($weakening:ident => $message:literal,)* }
    )*) => { $(
        mod $scene {
            use netpoll_models::{Weakening, $module, check};

            #[test]
            fn holds() {
                check(Weakening::Nothing, $bound, $module::$scene);
            }

            mod breaks_without {
                use super::*;
                $(
                    #[test]
                    #[should_panic(expected = $message)]
                    #[allow(non_snake_case, reason = "the weakening names the test")]
                    fn $weakening() {
                        check(Weakening::$weakening, $bound, $module::$scene);
                    }
                )*
            }
        }
    )* };
}
