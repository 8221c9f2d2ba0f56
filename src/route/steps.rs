//! What is told of a decision while it is made: nothing on the way of a call, every step for a person who asks.
//! One code decides and explains, so that the explanation is always what would be done.

/// Hears of the steps of a decision.
pub trait Steps {
    /// One step, made into words only if somebody listens.
    fn step(&mut self, say: impl FnOnce() -> String);
}

/// Nobody listens.
impl Steps for () {
    fn step(&mut self, _: impl FnOnce() -> String) {}
}

/// Every step is kept.
impl Steps for Vec<String> {
    fn step(&mut self, say: impl FnOnce() -> String) {
        self.push(say());
    }
}
