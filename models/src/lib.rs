//! Model checks of the lock-free words of `netpoll`; see the tests.
