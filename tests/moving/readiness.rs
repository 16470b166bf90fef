//! `io::Pollable`: waiting for what is no socket.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use netpoll::io::{Closed, Pollable};
use netpoll::thread;

use crate::common::{everywhere, kind, on_workers};

fn owned(number: libc::c_int) -> OwnedFd {
    assert!(number >= 0);
    // SAFETY: the callers have just opened it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn eventfd() -> Pollable<File> {
    // SAFETY: plain C.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_SEMAPHORE) };
    Pollable::new(File::from(owned(fd))).unwrap()
}

#[test]
fn an_eventfd_is_waited_for_again_and_again() {
    everywhere(|| {
        let events = std::sync::Arc::new(eventfd());
        let adds = std::sync::Arc::clone(&events);
        let adder = thread::spawn(move || {
            for _ in 0..200 {
                adds.get_ref().write_all(&1_u64.to_ne_bytes()).unwrap();
                thread::yield_now();
            }
        });
        for _ in 0..200 {
            let mut count = [0; 8];
            events.read_with(|mut fd| fd.read(&mut count)).unwrap();
            assert_eq!(u64::from_ne_bytes(count), 1);
        }
        adder.join().unwrap();
        events.set_timeout(Some(Duration::from_millis(5))).unwrap();
        let nothing = events.read_with(|mut fd| fd.read(&mut [0; 8]));
        assert_eq!(kind(nothing), ErrorKind::WouldBlock);
    });
}

#[test]
fn inotify_tells_of_a_file() {
    everywhere(|| {
        let directory = std::env::temp_dir().join(format!(
            "netpoll-inotify-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&directory).unwrap();
        // SAFETY: plain C, on a path that outlives the call.
        let inotify = unsafe {
            let fd = libc::inotify_init1(libc::IN_NONBLOCK);
            let path = std::ffi::CString::new(directory.to_str().unwrap()).unwrap();
            assert!(libc::inotify_add_watch(fd, path.as_ptr(), libc::IN_CREATE) >= 0);
            fd
        };
        let inotify = Pollable::new(File::from(owned(inotify))).unwrap();
        let waits = thread::spawn(move || {
            let mut events = [0; 4096];
            let n = inotify.read_with(|mut fd| fd.read(&mut events))?;
            std::io::Result::Ok(String::from_utf8_lossy(&events[..n]).into_owned())
        });
        std::fs::write(directory.join("appears"), b"").unwrap();
        assert!(waits.join().unwrap().unwrap().contains("appears"));
        std::fs::remove_dir_all(directory).unwrap();
    });
}

#[test]
fn who_fills_a_pipe_waits_for_room() {
    everywhere(|| {
        let mut ends = [0; 2];
        // SAFETY: plain C, on memory that outlives the call.
        let result = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK) };
        assert_eq!(result, 0);
        let [reader, writer] = ends.map(|end| Pollable::new(File::from(owned(end))).unwrap());
        let writes = thread::spawn(move || {
            for i in 0..100_000_u32 {
                let bytes = i.to_ne_bytes();
                writer.write_with(|mut fd| fd.write_all(&bytes)).unwrap();
            }
        });
        let mut bytes = [0; 4];
        for i in 0..100_000_u32 {
            let n = reader.read_with(|mut fd| fd.read(&mut bytes)).unwrap();
            assert_eq!((n, u32::from_ne_bytes(bytes)), (4, i));
        }
        writes.join().unwrap();
    });
}

#[test]
fn deadlines_and_close_end_a_wait_and_leave_the_descriptor() {
    everywhere(|| {
        let events = std::sync::Arc::new(eventfd());
        let read = |events: &Pollable<File>| events.read_with(|mut fd| fd.read(&mut [0; 8]));
        let waits = std::sync::Arc::clone(&events);
        let waiting = thread::spawn(move || read(&waits));
        events.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(kind(waiting.join().unwrap()), ErrorKind::TimedOut);
        events.set_read_deadline(None).unwrap();

        let waits = std::sync::Arc::clone(&events);
        let waiting = thread::spawn(move || waits.wait_readable());
        events.close();
        assert!(Closed::is_cause_of(&waiting.join().unwrap().unwrap_err()));
        assert!(Closed::is_cause_of(&read(&events).unwrap_err()));
        // What is inside is not closed by that.
        let inside = std::sync::Arc::into_inner(events).unwrap().into_inner();
        (&inside).write_all(&1_u64.to_ne_bytes()).unwrap();
        assert_eq!((&inside).read(&mut [0; 8]).unwrap(), 8);
    });
}

/// Readiness was consumed for a call that panicked: the next one must find it.
#[test]
fn a_call_that_panics_loses_no_readiness() {
    on_workers(|| {
        let events = eventfd();
        events.set_timeout(Some(Duration::from_millis(1))).unwrap();
        kind(events.read_with(|mut fd| fd.read(&mut [0; 8])));
        events.set_timeout(None).unwrap();
        events.get_ref().write_all(&1_u64.to_ne_bytes()).unwrap();
        let panics = || events.read_with(|_| -> std::io::Result<()> { panic!("as it shall") });
        catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        let read = events.read_with(|mut fd| fd.read(&mut [0; 8]));
        assert_eq!(read.unwrap(), 8);
    });
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    everywhere(|| {
        for path in ["/proc/self/exe", "/", "/dev/null"] {
            let error = Pollable::new(File::open(path).unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{path}");
            assert!(error.to_string().contains("cannot wait"), "{error}");
        }
        assert!(eventfd().as_raw_fd() > 2);
    });
}
