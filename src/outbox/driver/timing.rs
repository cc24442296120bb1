//! When a timer runs the outbox.

use std::time::Duration;

use ic_stable_structures::Memory;

use super::{BUSY_DELAY, Inner};
use crate::Transport;

/// The longest time between two looks at an outbox with unsettled entries. Normally, responses make it continue.
const WATCH: Duration = Duration::from_secs(60);

impl<M: Memory> Inner<M> {
    /// Runs the outbox as soon as possible, if it was started.
    pub fn wake_now(&mut self) {
        self.set_timer(Duration::ZERO, Duration::ZERO);
    }

    /// Sets a timer for `wake`, after `delay`, unless another one runs the outbox earlier. A timer that was set for
    /// later stays: so that few timers run, a later call of this function finds it and sets no other.
    fn set_timer(&mut self, wake: Duration, delay: Duration) {
        if let Some(set_timer) = self.set_timer.clone()
            && self.timers.last().is_none_or(|earliest| wake < *earliest)
        {
            self.timers.push(wake);
            set_timer(delay);
        }
    }

    /// Notes that a timer runs the outbox.
    pub fn note_timer(&mut self, now: Duration) {
        while self.timers.pop_if(|due| *due <= now).is_some() {}
    }

    /// Notes that this message can send no more, although there may be more to send.
    pub fn tire(&mut self) {
        self.is_tired = true;
    }

    /// Sets a timer, if one has to run the outbox. Called at the end of each message.
    pub fn set_next_timer<R: Transport>(&mut self, runtime: &R) {
        let wake = self.next_wake(runtime);
        self.is_tired = false;
        if let Some(wake) = wake {
            self.set_timer(wake, wake.saturating_sub(runtime.now()));
        }
    }

    /// When a timer has to run the outbox, if no response does before.
    fn next_wake<R: Transport>(&self, runtime: &R) -> Option<Duration> {
        let now = runtime.now();
        let header = &self.store.header;
        let has_work = header.waiting + header.open > 0;
        if !has_work || (header.paused && !self.is_cancelling && !self.has_interrupted()) {
            return None;
        }
        if self.is_tired {
            return Some(now);
        }
        let mut wake = now + WATCH;
        if runtime.is_stopping() {
            wake = now + BUSY_DELAY;
        } else if self.has_capacity(now) {
            wake = wake.min(self.schedule.next_due().unwrap_or(wake));
        } else if let Some(retry_at) = self.capacity.retry_at() {
            wake = wake.min(retry_at);
        }
        Some(wake.max(now))
    }
}
