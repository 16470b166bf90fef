//! What must not unwind.

/// Runs `f`. If it panics, the process ends, with this message after the panic's own.
pub(crate) fn or_abort<R>(message: &str, f: impl FnOnce() -> R) -> R {
    struct Bomb<'a>(&'a str);
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            eprintln!("netpoll: {}", self.0);
            std::process::abort();
        }
    }
    let bomb = Bomb(message);
    let result = f();
    std::mem::forget(bomb);
    result
}
