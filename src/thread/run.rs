//! Running a program on the thread that it has.

use std::io;
use std::panic::resume_unwind;

use super::Builder;
use crate::sched::{self, OwnThread};

// Here and not beside the type: it takes a task, which is of this layer.
impl sched::Builder {
    /// Starts the runtime with the calling thread as its first worker, and `main` as the
    /// first task there. Returns what `main` has returned, when all tasks have ended:
    /// those that are left after `main` are cancelled, as by dropping a [`Runtime`].
    ///
    /// With one worker, and without the [monitor](Self::monitor), the process has a single
    /// thread, until something needs the threads that block (files, names, child processes).
    /// As long as no other thread could close a descriptor, the kernel takes no reference
    /// to it in a system call, which saves two atomic operations in each.
    ///
    /// `main` has the stack of a task, and the thread keeps its name, but has the hooks of a
    /// worker. Plain threads that `main` starts, and what they spawn, are not part of the
    /// runtime: they have the one that starts by itself.
    ///
    /// A task that does not end keeps this from returning, because the thread is where it
    /// lives; one line says so after [`shutdown_timeout`](Self::shutdown_timeout).
    ///
    /// [`Runtime`]: sched::Runtime
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build); `InvalidInput` if the caller is a task, a thread
    /// that is unwinding, or a destructor of a thread-local.
    ///
    /// # Panics
    ///
    /// With what `main` panics with.
    ///
    /// # Examples
    ///
    /// ```
    /// use netpoll::net::{TcpListener, TcpStream};
    /// use netpoll::thread;
    /// use std::io::{Read, Write};
    ///
    /// let runtime = netpoll::Builder::new().workers(1).monitor(false);
    /// let reply = runtime.run(|| {
    ///     let listener = TcpListener::bind("127.0.0.1:0")?;
    ///     let address = listener.local_addr()?;
    ///     let serving = thread::spawn(move || listener.accept()?.0.write_all(b"hello"));
    ///     let mut reply = String::new();
    ///     TcpStream::connect(address)?.read_to_string(&mut reply)?;
    ///     serving.join().unwrap()?;
    ///     std::io::Result::Ok(reply)
    /// })??;
    /// assert_eq!(reply, "hello");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "block_on")]
    #[doc(alias = "new_current_thread")]
    #[track_caller]
    pub fn run<F, T>(self, main: F) -> io::Result<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (thread, ending) = OwnThread::new(self)?;
        let main = move || {
            let _ending = ending;
            main()
        };
        let name = Builder::new().name("main".into());
        let main = name.spawn_with(main, |spawn| thread.spawn(spawn))?;
        thread.work();
        main.join().map_err(|panic| resume_unwind(panic))
    }
}
