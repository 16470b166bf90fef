//! Which worker has which operators.
//!
//! All operators of a worker are told by one [`Remote`], however many there are, because a
//! loop looks at each of those in every turn.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Options;
use super::event_loop::Crew;
use super::remote::{Remote, lock};
use crate::sched::Workers;

/// What a runtime has for operators, from the first of them on.
#[derive(Default)]
pub(super) struct Operators {
    crew: Mutex<Option<Crew>>,
}

impl Operators {
    /// The worker for the next operator: one with few tasks and operators.
    pub(super) fn choose(workers: &Workers) -> io::Result<Arc<Remote>> {
        let mut crew = lock(&workers.attached::<Self>().crew);
        let crew = match &mut *crew {
            Some(crew) => crew,
            none => {
                // They stay where they are, and leave phases to event loops.
                let options = Options::new().rebalance(false);
                let options = Arc::new(options.phase(usize::MAX, Duration::MAX));
                none.insert(Crew::start(workers, &options, &Arc::default())?)
            }
        };
        let load = |(worker, remote): &(usize, &Arc<Remote>)| {
            workers.load(*worker) + remote.connections.load(Ordering::Relaxed) as u64
        };
        let least = crew.remotes.iter().enumerate().min_by_key(load);
        Ok(Arc::clone(least.expect("there are workers").1))
    }
}

#[cfg(test)]
mod tests {
    use crate::event::looper::Loop;
    use crate::event::{Operate, Operator, Then};
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{self, Sender};

    /// Says that it is called.
    struct Saying(Sender<()>);

    impl Operate<UnixStream> for Saying {
        fn on_read(&mut self, _: &UnixStream) -> io::Result<Then> {
            Ok(Then::Wait)
        }

        fn on_write(&mut self, _: &UnixStream) -> io::Result<Then> {
            self.0.send(()).unwrap();
            Ok(Then::Wait)
        }
    }

    #[test]
    fn a_loop_has_no_more_to_look_at_for_many_operators() {
        let runtime = crate::sched::Builder::new().workers(1).build().unwrap();
        let watching = runtime.spawn(|| {
            let (send, receive) = mpsc::channel();
            let operators: Vec<_> = (0..100)
                .map(|_| {
                    let (ours, theirs) = UnixStream::pair().unwrap();
                    (Operator::new(ours, Saying(send.clone())).unwrap(), theirs)
                })
                .collect();
            let mut called = 0;
            while called < operators.len() {
                crate::task::yield_now();
                called += receive.try_iter().count();
            }
            let here = Loop::here().expect("it has been called");
            let state = here.state.borrow();
            (state.taken, state.remotes.len())
        });
        assert_eq!(watching.join().unwrap(), (100, 1));
    }
}
