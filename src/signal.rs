//! A value that tasks wait for changes of, such as whether a core is down.
//!
//! `tokio::sync::watch` wakes those who wait in an order of chance. Here they are woken in the order in which they began to
//! wait, so that what a simulation has shown it shows again.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A value that is changed here and watched elsewhere.
#[derive(Debug)]
pub struct Signal<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    /// How often it has changed, and what it is.
    state: Mutex<(u64, T)>,
    changed: Notify,
}

impl<T: Copy> Shared<T> {
    fn state(&self) -> MutexGuard<'_, (u64, T)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Copy> Signal<T> {
    /// A signal that says this for now.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared { state: Mutex::new((0, value)), changed: Notify::new() }))
    }

    /// What it says.
    #[must_use]
    pub fn get(&self) -> T {
        self.0.state().1
    }

    /// Says something, also if that is what it said before.
    pub fn set(&self, value: T) {
        self.modify(|said| {
            *said = value;
            true
        });
    }

    /// Changes what it says, while nobody else does; those who wait are woken if this says that it did.
    pub fn modify(&self, change: impl FnOnce(&mut T) -> bool) {
        let mut state = self.0.state();
        let changes = change(&mut state.1);
        state.0 += u64::from(changes);
        drop(state);
        if changes {
            self.0.changed.notify_waiters();
        }
    }

    /// A way to wait for changes from now on.
    #[must_use]
    pub fn watch(&self) -> Watcher<T> {
        Watcher { seen: self.0.state().0, shared: self.0.clone() }
    }
}

/// Waits for changes of a [`Signal`].
#[derive(Debug)]
pub struct Watcher<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

impl<T: Copy> Watcher<T> {
    /// Waits until something was said that was not seen here yet, and gives what is said now.
    pub async fn changed(&mut self) -> T {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let (count, value) = *self.shared.state();
            if count != self.seen {
                self.seen = count;
                return value;
            }
            changed.await;
        }
    }

    /// Waits until what is said suits; at once if it does.
    pub async fn until(&mut self, suits: impl Fn(T) -> bool) {
        let (count, mut value) = *self.shared.state();
        self.seen = count;
        while !suits(value) {
            value = self.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

    use super::*;

    #[test]
    fn what_was_said_before_it_was_waited_for_is_not_missed() {
        let signal = Signal::new(1);
        let mut watcher = signal.watch();
        assert_pending!(task::spawn(watcher.changed()).poll());
        signal.set(2);
        signal.set(3);
        assert_ready_eq!(task::spawn(watcher.changed()).poll(), 3);
        assert_pending!(task::spawn(watcher.changed()).poll());
    }

    #[test]
    fn who_waits_for_a_value_is_woken_by_others_and_goes_on_waiting() {
        let signal = Signal::new(1);
        let mut watcher = signal.watch();
        let mut three = task::spawn(watcher.until(|value| value == 3));
        assert_pending!(three.poll());
        signal.modify(|now| *now == 3);
        assert!(!three.is_woken(), "nothing has changed");
        signal.set(2);
        assert!(three.is_woken());
        assert_pending!(three.poll());
        signal.set(3);
        assert_ready!(three.poll());
        assert_eq!(signal.get(), 3);
    }
}
