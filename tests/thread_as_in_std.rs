//! One body for `std::thread` and for `netpoll::thread`: what both have does the same.

mod common;

use common::on_workers;

/// Makes a module of tests for either, from one text in which only the `use` differs.
macro_rules! for_both {
    ($($name:ident $body:block)*) => {
        mod std_threads {
            #[allow(unused_imports)]
            use std::{thread, thread_local, time};
            $(pub(super) fn $name() $body)*
        }

        mod tasks {
            #[allow(unused_imports)]
            use netpoll::{thread, thread_local, time};
            $(pub(super) fn $name() $body)*
        }

        $(
            #[test]
            fn $name() {
                std_threads::$name();
                tasks::$name();
                on_workers(tasks::$name);
            }
        )*
    };
}

for_both! {
    spawn_and_join {
        let handle = thread::spawn(|| 6 * 7);
        assert_eq!(handle.join().unwrap(), 42);
    }

    join_returns_what_a_panic_carries {
        let handle = thread::spawn(|| -> u32 { std::panic::panic_any(17_u8) });
        assert_eq!(handle.join().unwrap_err().downcast_ref::<u8>(), Some(&17));
    }

    is_finished {
        let handle = thread::spawn(thread::park);
        assert!(!handle.is_finished());
        handle.thread().unpark();
        while !handle.is_finished() {
            thread::yield_now();
        }
        handle.join().unwrap();
    }

    names {
        let named = thread::Builder::new().name("carol".into());
        let handle = named.spawn(|| thread::current().name().map(str::to_owned)).unwrap();
        assert_eq!(handle.thread().name(), Some("carol"));
        assert_eq!(handle.join().unwrap().as_deref(), Some("carol"));
        let handle = thread::spawn(|| thread::current().name().map(str::to_owned));
        assert_eq!(handle.thread().name(), None);
        assert_eq!(handle.join().unwrap(), None);
    }

    ids_differ_and_stay {
        let id = || thread::current().id();
        let own = id();
        assert_eq!(own, id());
        let handle = thread::spawn(id);
        let told = handle.thread().id();
        assert_eq!(handle.join().unwrap(), told);
        assert_ne!(told, own);
    }

    debug_texts {
        let number = |text: String| -> String {
            text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
        };
        let squeeze = |text: String| -> String {
            let mut squeezed = text;
            while squeezed.contains("00") {
                squeezed = squeezed.replace("00", "0");
            }
            squeezed
        };
        let named = thread::Builder::new().name("dave".into());
        let handle = named.spawn(|| ()).unwrap();
        let shown = squeeze(number(format!("{:?}", handle.thread())));
        assert_eq!(shown, r#"Thread { id: ThreadId(0), name: Some("dave"), .. }"#);
        assert_eq!(format!("{handle:?}"), "JoinHandle { .. }");
        handle.join().unwrap();
        thread::scope(|s| {
            let handle = s.spawn(|| ());
            assert_eq!(format!("{handle:?}"), "ScopedJoinHandle { .. }");
        });
    }

    a_token_that_came_first_is_found {
        thread::current().unpark();
        thread::current().unpark();
        thread::park();
        // There is one token, not two.
        let before = time::Instant::now();
        let least = time::Duration::from_millis(5);
        while before.elapsed() < least {
            thread::park_timeout(least.saturating_sub(before.elapsed()));
        }
    }

    what_was_done_before_unpark_is_seen {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let sleeper = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                thread::park();
            }
        });
        flag.store(true, Ordering::Relaxed);
        sleeper.thread().unpark();
        sleeper.join().unwrap();
    }

    sleeping {
        let before = time::Instant::now();
        thread::sleep(time::Duration::ZERO);
        thread::sleep(time::Duration::from_millis(3));
        assert!(before.elapsed() >= time::Duration::from_millis(3));
        #[allow(deprecated)]
        {
            let before = time::Instant::now();
            thread::sleep_ms(2);
            assert!(before.elapsed() >= time::Duration::from_millis(2));
            thread::park_timeout_ms(1);
        }
    }

    scopes {
        let mut counts = [0; 4];
        let text = String::from("borrowed");
        thread::scope(|s| {
            for count in &mut counts {
                s.spawn(|| *count = text.len());
            }
        });
        assert_eq!(counts, [8; 4]);
        let named = thread::scope(|s| {
            let builder = thread::Builder::new().name("erin".into());
            let handle = builder.spawn_scoped(s, || text.len()).unwrap();
            let name = handle.thread().name().map(str::to_owned);
            (name, handle.join().unwrap())
        });
        assert_eq!(named, (Some("erin".into()), 8));
    }

    a_scope_panics_for_what_nobody_joined {
        let ended = std::panic::catch_unwind(|| {
            thread::scope(|s| {
                s.spawn(|| panic!("unseen"));
            });
        });
        let text = *ended.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(text, "a scoped thread panicked");
    }

    spawning_unchecked {
        let x = [1, 2, 3];
        // SAFETY: it is joined before `x` ends.
        let handle = unsafe { thread::Builder::new().spawn_unchecked(|| x.len()) };
        assert_eq!(handle.unwrap().join().unwrap(), 3);
    }

    a_name_with_a_zero_byte {
        let ended = std::panic::catch_unwind(|| {
            thread::Builder::new().name("a\0b".into()).spawn(|| ())
        });
        assert!(ended.is_err(), "it panics");
    }

    stack_sizes {
        fn deep(n: u32) -> u32 {
            let page = std::hint::black_box([n; 512]);
            if n == 0 { page[0] } else { deep(n - 1) + page[1] - n + 1 }
        }
        let large = thread::Builder::new().stack_size(4 << 20);
        assert_eq!(large.spawn(|| deep(500)).unwrap().join().unwrap(), 500);
    }

    locals {
        use std::cell::{Cell, RefCell};
        thread_local! {
            static COUNT: Cell<u32> = const { Cell::new(1) };
            static WORDS: RefCell<Vec<&'static str>> = RefCell::new(vec!["first"]);
        }
        COUNT.set(5);
        WORDS.with_borrow_mut(|words| words.push("second"));
        let other = thread::spawn(|| {
            COUNT.set(COUNT.get() + 1);
            (COUNT.get(), WORDS.take())
        });
        assert_eq!(other.join().unwrap(), (2, vec!["first"]));
        assert_eq!(COUNT.replace(0), 5);
        assert_eq!(WORDS.with_borrow(Vec::len), 2);
        assert_eq!(WORDS.try_with(|words| words.borrow().len()), Ok(2));
        WORDS.set(Vec::new());
    }

    panicking {
        struct Saw(std::sync::mpsc::Sender<bool>);
        impl Drop for Saw {
            fn drop(&mut self) {
                self.0.send(thread::panicking()).unwrap();
            }
        }
        let (tell, told) = std::sync::mpsc::channel();
        let calm = Saw(tell.clone());
        thread::spawn(move || drop(calm)).join().unwrap();
        assert!(!told.recv().unwrap());
        thread::spawn(move || {
            let _saw = Saw(tell);
            panic!("on purpose");
        })
        .join()
        .unwrap_err();
        assert!(told.recv().unwrap());
        assert!(!thread::panicking());
    }
}
