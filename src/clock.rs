//! The wall clock, for what others must be able to place in time: rows that all copies share.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time of day: the system's, unless it was made to tell another. It may be stepped, forth and back. Clones
/// tell the same.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

impl Clock {
    /// A clock that tells what `tell` says.
    #[must_use]
    pub fn by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |tell| tell())
    }

    /// The moment in UNIX milliseconds.
    #[must_use]
    pub fn millisecond(&self) -> i64 {
        self.now().as_millisecond()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(by somebody)" } else { "Clock(the system's)" })
    }
}
