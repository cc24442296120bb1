//! Where events and notices go.

use super::{Event, Notice, Trace};
use std::mem::take;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The listener and the watcher of a trace, and what is held back from them.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    pub(super) listener: Option<Sender<Event>>,
    pub(super) watcher: Option<Sender<Notice>>,
    held: Mutex<Held>,
}

/// Events and notices that are held back, in their order.
#[derive(Debug, Default)]
struct Held {
    holds: bool,
    events: Vec<Event>,
    notices: Vec<Notice>,
}

impl Sinks {
    fn held(&self) -> MutexGuard<'_, Held> {
        // A panic cannot leave these lists half-changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends an event to the listener.
    pub(super) fn record(&self, event: Event) {
        let mut held = self.held();
        if held.holds {
            held.events.push(event);
        } else if let Some(listener) = &self.listener {
            // The listener may have dropped its receiver.
            let _ = listener.send(event);
        }
    }

    /// Sends a notice to the watcher.
    pub(super) fn notify(&self, notice: Notice) {
        let mut held = self.held();
        if held.holds {
            held.notices.push(notice);
        } else if let Some(watcher) = &self.watcher {
            // The watcher may have dropped its receiver.
            let _ = watcher.send(notice);
        }
    }
}

impl Trace {
    /// A trace for this listener and this watcher.
    pub(super) fn to(listener: Option<Sender<Event>>, watcher: Option<Sender<Notice>>) -> Self {
        let is_needed = listener.is_some() || watcher.is_some();
        let sinks = Sinks { listener, watcher, ..Sinks::default() };
        Self { sinks: is_needed.then(|| Arc::new(sinks)) }
    }

    /// A trace for the same listener and the same watcher, which [holds back](Self::hold) for itself.
    pub(crate) fn apart(&self) -> Self {
        let Some(sinks) = &self.sinks else { return Self::default() };
        Self::to(sinks.listener.clone(), sinks.watcher.clone())
    }

    /// Holds back all events and notices until [`release`](Self::release).
    pub(crate) fn hold(&self) {
        if let Some(sinks) = &self.sinks {
            sinks.held().holds = true;
        }
    }

    /// Sends all events and notices that were held back, in their order.
    pub(crate) fn release(&self) {
        let Some(sinks) = &self.sinks else { return };
        let held = take(&mut *sinks.held());
        held.events.into_iter().for_each(|event| sinks.record(event));
        held.notices.into_iter().for_each(|notice| sinks.notify(notice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Time;
    use candid::Principal;

    fn event(seconds: u64) -> Event {
        let subnet = Principal::management_canister().into();
        Event::Round { subnet, time: Time::GENESIS.plus_secs(seconds) }
    }

    #[test]
    fn what_a_trace_holds_back_comes_after_what_others_record_and_in_its_order() {
        let (mut trace, events) = Trace::with_listener();
        let notices = trace.watch();
        let (first, second) = (trace.apart(), trace.apart());
        for one in [&first, &second] {
            one.hold();
        }
        second.record(|| event(3));
        second.clone().record_after_wait(|| event(4));
        first.record(|| event(1));
        first.clone().record(|| event(2));
        trace.record(|| event(0));
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [event(0)]);
        first.release();
        second.release();
        second.record(|| event(5));
        assert_eq!(events.try_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5].map(event));
        let notices: Vec<Notice> = notices.try_iter().collect();
        assert_eq!(notices, [0, 1, 2, 3, 5].map(event).map(Notice::Event));
    }
}
