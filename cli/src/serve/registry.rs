//! The connections that are open, so that a stop reaches those that wait.
//!
//! A stop gives each of them the same deadline, those that come in late included.
//! The deadline is the socket's, so it ends a wait that began before it was set.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::counters;
use super::stream::Stream;

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
    /// The client's connection, and the one to where it leads, if it leads anywhere.
    Taken(Stream, Option<Stream>),
    Free(Option<usize>),
}

impl Place {
    fn streams(&self) -> impl Iterator<Item = &Stream> {
        let (client, target) = match self {
            Place::Taken(client, target) => (Some(client), target.as_ref()),
            Place::Free(_) => (None, None),
        };
        client.into_iter().chain(target)
    }
}

/// The place of a connection in the registry, which knows of it until this is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    registry: Arc<Registry>,
    place: usize,
}

impl Ticket {
    /// Notes where the connection leads.
    pub(super) fn leads_to(&self, target: &Stream) -> io::Result<()> {
        let handle = target.try_clone()?;
        let mut state = self.registry.lock();
        if state.deadline.is_some() {
            handle.set_deadline(state.deadline)?;
        }
        if let Place::Taken(_, target) = &mut state.places[self.place] {
            *target = Some(handle);
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.registry.lock();
        let free = Place::Free(state.free);
        let taken = std::mem::replace(&mut state.places[self.place], free);
        state.free = Some(self.place);
        state.open -= 1;
        if state.open == 0 && state.deadline.is_some() {
            self.registry.empty.notify_all();
        }
        drop(state);
        // This may close it, which is a system call: not under the lock.
        drop(taken);
        counters::stir();
    }
}

impl Registry {
    /// Notes a connection.
    pub(super) fn enter(self: &Arc<Self>, stream: &Stream) -> io::Result<Ticket> {
        let handle = stream.try_clone()?;
        let mut state = self.lock();
        if state.deadline.is_some() {
            handle.set_deadline(state.deadline)?;
        }
        state.open += 1;
        let place = state.free.unwrap_or(state.places.len());
        match state.places.get_mut(place) {
            Some(free) => {
                if let Place::Free(next) = std::mem::replace(free, Place::Taken(handle, None)) {
                    state.free = next;
                }
            }
            None => state.places.push(Place::Taken(handle, None)),
        }
        drop(state);
        Ok(Ticket {
            registry: Arc::clone(self),
            place,
        })
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
            for stream in place.streams() {
                // A stream never refuses a deadline.
                let _ = stream.set_deadline(Some(deadline));
            }
        }
    }

    /// Waits until none is left, or until this long after the deadline; returns
    /// how many are left. They are closed.
    pub(super) fn wait_until_empty(&self, after: Duration) -> usize {
        let state = self.lock();
        let end = state.deadline.unwrap_or_else(Instant::now) + after;
        let left = end.saturating_duration_since(Instant::now());
        let (state, _) = self
            .empty
            .wait_timeout_while(state, left, |state| state.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        for place in &state.places {
            for stream in place.streams() {
                stream.close();
            }
        }
        state.open
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
