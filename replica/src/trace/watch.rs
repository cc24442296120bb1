//! What a watcher gets.

use super::{Event, Trace};
use crate::error::UserError;
use crate::types::{CanisterId, MessageId, Time};
use candid::Principal;
use std::sync::mpsc::{Receiver, channel};

/// What a watcher gets: the events that are known at once, which are all but [`Event::Slice`], and what a display of a
/// running network needs besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An event.
    Event(Event),
    /// A subnet took in an ingress message.
    Ingress {
        /// The message.
        message: MessageId,
        /// The user.
        sender: Principal,
        /// The called canister.
        receiver: CanisterId,
        /// The called method.
        method: String,
    },
    /// An ingress message has a result.
    Answered {
        /// The message.
        message: MessageId,
        /// The error. `None` for a reply.
        error: Option<UserError>,
    },
    /// A line was added to the log of a canister.
    Logged {
        /// The canister.
        canister: CanisterId,
        /// The index of the line in the log of the canister.
        index: u64,
        /// The time at which the line was written.
        time: Time,
        /// The line. By convention, this is UTF-8.
        line: Vec<u8>,
    },
}

impl Trace {
    /// The receiver of all notices from now on, in place of an earlier one.
    pub(crate) fn watch(&mut self) -> Receiver<Notice> {
        let (sender, receiver) = channel();
        let listener = self.sinks.as_ref().and_then(|sinks| sinks.listener.clone());
        *self = Self::to(listener, Some(sender));
        receiver
    }

    /// Makes no more notices.
    pub(crate) fn end_watch(&mut self) {
        let listener = self.sinks.as_ref().and_then(|sinks| sinks.listener.clone());
        *self = Self::to(listener, None);
    }

    /// Whether there is a watcher.
    pub(crate) fn is_watched(&self) -> bool {
        self.sinks.as_ref().is_some_and(|sinks| sinks.watcher.is_some())
    }

    /// Sends notices to the watcher. `notices` is called only if there is one.
    pub(crate) fn notify<N: IntoIterator<Item = Notice>>(&self, notices: impl FnOnce() -> N) {
        if let Some(sinks) = self.sinks.as_ref().filter(|sinks| sinks.watcher.is_some()) {
            notices().into_iter().for_each(|notice| sinks.notify(notice));
        }
    }
}
