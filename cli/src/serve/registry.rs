//! The connections that are open, so that a stop reaches those that wait.
//!
//! A stop gives each of them the same deadline, those that come in late included.
//! The deadline is the socket's, so it ends a wait that began before it was set.

use std::net::Shutdown;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use netpoll::net::TcpStream;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Registry {
    state: Mutex<State>,
    empty: Condvar,
}

#[derive(Debug, Default)]
struct State {
    places: Vec<Place>,
    /// The first of the places that are free, each of which knows the next.
    free: Option<usize>,
    open: usize,
    /// When connections are cut off, once the server stops.
    deadline: Option<Instant>,
}

#[derive(Debug)]
enum Place {
    Taken(TcpStream),
    Free(Option<usize>),
}

/// The place of a connection in the registry.
#[derive(Debug)]
pub(super) struct Ticket(usize);

impl Registry {
    /// Notes a connection. [`leave`](Self::leave) must follow.
    pub(super) fn enter(&self, stream: &TcpStream) -> std::io::Result<Ticket> {
        let handle = stream.try_clone()?;
        let mut state = self.lock();
        if state.deadline.is_some() {
            handle.set_deadline(state.deadline)?;
        }
        state.open += 1;
        let place = state.free.unwrap_or(state.places.len());
        match state.places.get_mut(place) {
            Some(free) => {
                if let Place::Free(next) = std::mem::replace(free, Place::Taken(handle)) {
                    state.free = next;
                }
            }
            None => state.places.push(Place::Taken(handle)),
        }
        Ok(Ticket(place))
    }

    /// Forgets a connection.
    pub(super) fn leave(&self, ticket: &Ticket) {
        let mut state = self.lock();
        let free = Place::Free(state.free);
        let taken = std::mem::replace(&mut state.places[ticket.0], free);
        state.free = Some(ticket.0);
        state.open -= 1;
        if state.open == 0 && state.deadline.is_some() {
            self.empty.notify_all();
        }
        drop(state);
        // This may close it, which is a system call: not under the lock.
        drop(taken);
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.lock().open
    }

    /// Gives all of them, and all to come, until then.
    pub(super) fn set_deadline(&self, deadline: Instant) {
        let mut state = self.lock();
        state.deadline = Some(deadline);
        for place in &state.places {
            if let Place::Taken(stream) = place {
                // A stream never refuses a deadline.
                let _ = stream.set_deadline(Some(deadline));
            }
        }
    }

    /// Waits until none is left, or until this long after the deadline; returns
    /// how many are left. They are shut down.
    pub(super) fn wait_until_empty(&self, after: Duration) -> usize {
        let state = self.lock();
        let end = state.deadline.unwrap_or_else(Instant::now) + after;
        let left = end.saturating_duration_since(Instant::now());
        let (state, _) = self
            .empty
            .wait_timeout_while(state, left, |state| state.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        for place in &state.places {
            if let Place::Taken(stream) = place {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        state.open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
