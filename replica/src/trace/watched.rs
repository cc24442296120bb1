//! The calls of a network while it runs, for a display: what [`Recording`] says at the end, said at once, and bounded.
//!
//! A recording knows all events before it gives each its time. Here, the length of the latest tick is not known yet.
//! With a profile in which a round takes no time, every tick counts as a round trip of the mainnet, or as the real time
//! until the next tick if that is longer. Otherwise, model time is the network's time.

mod clock;

use super::*;
use crate::error::UserError;
use crate::limits::*;
use candid::Principal;
use clock::WatchedClock;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The network whose events are read.
#[derive(Clone, Debug)]
pub struct Place {
    /// All subnets, in the order of their turns.
    pub subnets: Vec<SubnetId>,
    /// Whether a round takes no time.
    pub is_instant: bool,
}

/// The identity of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A call between canisters.
    Call(CallId),
    /// An ingress message.
    Ingress(MessageId),
}

/// A call between canisters, or an ingress message, which is a call of a user.
#[derive(Clone, Debug)]
pub struct WatchedCall {
    /// The id.
    pub key: Key,
    /// Which ingress message or task the call belongs to: the id of the ingress message as in [`Key::text`], or a text
    /// that names the call context.
    pub message: Arc<str>,
    /// Who calls.
    pub caller: Principal,
    /// What became of the call.
    pub progress: Progress,
}

/// What became of a call.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Of a call between canisters.
    Call(Box<Call>),
    /// Of an ingress message.
    Ingress {
        /// The called canister.
        callee: Principal,
        /// The called method.
        method: String,
        /// When a subnet took the message in.
        sent: Moment,
        /// When the message began to execute.
        executed: Option<Moment>,
        /// When the message had a result, with the error if it failed.
        ended: Option<(Moment, Option<UserError>)>,
    },
}

/// Calls that the system refused.
#[derive(Clone, Debug)]
pub struct WatchedRefused {
    /// The number of the record, from 0.
    pub number: u64,
    /// Which ingress message or task the calls belong to: see [`WatchedCall::message`].
    pub message: Arc<str>,
    /// What was refused, and when.
    pub refused: Refused,
}

/// What has happened since the last look.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Calls that began or changed.
    pub calls: Vec<WatchedCall>,
    /// Calls that were refused.
    pub refused: Vec<WatchedRefused>,
    /// The number of calls that were left out, because there were too many.
    pub dropped: u64,
}

impl Changes {
    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.refused.is_empty() && self.dropped == 0
    }
}

#[derive(Debug)]
struct Entry {
    call: WatchedCall,
    /// Whether the call is on the list of changed calls.
    has_changed: bool,
}

/// The latest calls of a network. A call is followed to its end, or left out as a whole.
#[derive(Debug)]
pub struct WatchedCalls {
    clock: WatchedClock,
    /// The notices since the beginning of the latest round.
    section: Vec<Notice>,
    calls: BTreeMap<Key, Entry>,
    /// The calls in the order in which they began.
    order: VecDeque<Key>,
    changed: Vec<Key>,
    refused: VecDeque<WatchedRefused>,
    /// The number of refusals, and that of those which were looked at.
    refusals: u64,
    refusals_seen: u64,
    dropped: u64,
    /// How many calls may still begin before further ones are left out.
    allowance: u64,
    /// The message or task of call contexts, and the contexts in the order of their age.
    contexts: BTreeMap<Context, Arc<str>>,
    context_order: VecDeque<Context>,
}

type Context = (Principal, CallContextId);

impl Default for WatchedCalls {
    fn default() -> Self {
        Self {
            clock: WatchedClock::default(),
            section: Vec::new(),
            calls: BTreeMap::new(),
            order: VecDeque::new(),
            changed: Vec::new(),
            refused: VecDeque::new(),
            refusals: 0,
            refusals_seen: 0,
            dropped: 0,
            allowance: WATCHED_CALLS_BURST_MAX,
            contexts: BTreeMap::new(),
            context_order: VecDeque::new(),
        }
    }
}

impl WatchedCalls {
    /// Allows this number of calls more to begin, up to [`WATCHED_CALLS_BURST_MAX`].
    pub fn allow(&mut self, calls: u64) {
        self.allowance = self.allowance.saturating_add(calls).min(WATCHED_CALLS_BURST_MAX);
    }

    /// Reads the notices of complete rounds. Other notices than those about calls have no effect.
    pub fn read(&mut self, notices: impl IntoIterator<Item = Notice>, place: &Place) {
        for notice in notices {
            if let Notice::Event(Event::Round { subnet, time }) = notice {
                self.read_section();
                self.clock.begin(subnet, time, place);
            } else {
                self.section.push(notice);
            }
        }
        self.read_section();
    }

    /// The calls that began or changed, and those that were refused, since the last time.
    pub fn take_changes(&mut self) -> Changes {
        let mut calls = Vec::with_capacity(self.changed.len());
        for key in std::mem::take(&mut self.changed) {
            if let Some(entry) = self.calls.get_mut(&key) {
                entry.has_changed = false;
                calls.push(entry.call.clone());
            }
        }
        let seen = self.refusals_seen;
        let refused = self.refused.iter().filter(|refused| refused.number >= seen).cloned();
        let refused = refused.collect();
        self.refusals_seen = self.refusals;
        Changes { calls, refused, dropped: std::mem::take(&mut self.dropped) }
    }

    /// The latest calls, in the order in which they began, with all changes that were taken and perhaps others, and
    /// the refused calls that were taken.
    pub fn recent(&self) -> Changes {
        let calls = self.order.iter().filter_map(|key| self.calls.get(key));
        let seen = |refused: &&WatchedRefused| refused.number < self.refusals_seen;
        Changes {
            calls: calls.map(|entry| entry.call.clone()).collect(),
            refused: self.refused.iter().filter(seen).cloned().collect(),
            dropped: 0,
        }
    }

    /// Reads the notices of one round of a subnet.
    fn read_section(&mut self) {
        let section = std::mem::take(&mut self.section);
        self.clock.expect(section.iter());
        let mut made = Vec::new();
        for notice in section {
            match notice {
                Notice::Event(event @ (Event::Sent { .. } | Event::Refused { .. })) => {
                    made.push(event);
                }
                Notice::Event(event @ Event::Executed { .. }) => {
                    self.execute(&event, std::mem::take(&mut made));
                }
                Notice::Event(Event::Responded { call, by, .. }) => {
                    let now = self.clock.now();
                    self.change_call(call, |call| {
                        call.respond(now, by);
                    });
                }
                Notice::Ingress { message, sender, receiver, method } => {
                    self.receive(message, sender, receiver, method);
                }
                Notice::Answered { message, error } => {
                    let now = self.clock.now();
                    self.change(Key::Ingress(message), |call| {
                        if let Progress::Ingress { ended, .. } = &mut call.progress {
                            *ended = Some((now, error));
                        }
                    });
                }
                Notice::Event(_) | Notice::Logged { .. } => {}
            }
        }
    }

    fn receive(
        &mut self,
        message: MessageId,
        sender: Principal,
        receiver: CanisterId,
        method: String,
    ) {
        let (key, callee) = (Key::Ingress(message), receiver.principal());
        let sent = self.clock.now();
        let progress = Progress::Ingress { callee, method, sent, executed: None, ended: None };
        self.add(WatchedCall { key, message: key.text().into(), caller: sender, progress });
    }

    /// Reads an execution, and the calls `made` by it.
    fn execute(&mut self, event: &Event, made: Vec<Event>) {
        let Event::Executed { canister, work, call_context_id, result, instructions, .. } = event
        else {
            return;
        };
        let (start, end) = self.clock.execute(*instructions);
        let context = call_context_id.map(|context| (canister.principal(), context));
        let message = self.message_of(*work, context);
        for event in made {
            self.make(&event, end, &message);
        }
        match *work {
            Work::Ingress(id) => self.change(Key::Ingress(id), |call| {
                if let Progress::Ingress { executed, .. } = &mut call.progress {
                    *executed = Some(start);
                }
            }),
            Work::Request(id) => self.change_call(id, |call| call.execute(start, *result)),
            Work::Response { call: id, reject, unspent, .. } => {
                self.change_call(id, |call| call.end(start, reject, unspent));
            }
            Work::Task => {}
        }
    }

    /// Adds a call that an execution made, or that the system refused.
    fn make(&mut self, event: &Event, at: Moment, message: &Arc<str>) {
        if let Some(call) = Call::begin(event, at) {
            let (key, caller) = (Key::Call(call.id), call.caller().principal());
            let progress = Progress::Call(Box::new(call));
            self.add(WatchedCall { key, message: message.clone(), caller, progress });
        }
        if let Event::Refused { caller, callee, limit, calls, .. } = *event {
            if !self.may_begin(calls) {
                return;
            }
            let refused = Refused { at, caller, callee, limit, calls };
            let (number, message) = (self.refusals, message.clone());
            self.refusals += 1;
            self.refused.push_back(WatchedRefused { number, message, refused });
            while self.refused.len() > WATCHED_CALLS_MAX {
                self.refused.pop_front();
            }
        }
    }

    /// Whether something may begin, which stands for this number of calls. If not, the calls are left out.
    fn may_begin(&mut self, calls: u64) -> bool {
        if self.allowance == 0 {
            self.dropped += calls;
            return false;
        }
        self.allowance -= 1;
        true
    }

    fn add(&mut self, call: WatchedCall) {
        if !self.may_begin(1) {
            return;
        }
        let key = call.key;
        self.order.push_back(key);
        self.calls.insert(key, Entry { call, has_changed: true });
        self.changed.push(key);
        while self.order.len() > WATCHED_CALLS_MAX {
            let oldest = self.order.pop_front().and_then(|oldest| self.calls.remove(&oldest));
            self.dropped += u64::from(oldest.is_some_and(|oldest| oldest.has_changed));
        }
    }

    fn change(&mut self, key: Key, change: impl FnOnce(&mut WatchedCall)) {
        let Some(entry) = self.calls.get_mut(&key) else { return };
        change(&mut entry.call);
        if !std::mem::replace(&mut entry.has_changed, true) {
            self.changed.push(key);
        }
    }

    fn change_call(&mut self, id: CallId, change: impl FnOnce(&mut Call)) {
        self.change(Key::Call(id), |call| {
            if let Progress::Call(call) = &mut call.progress {
                change(call);
            }
        });
    }

    /// The message or task that an execution belongs to.
    fn message_of(&mut self, work: Work, context: Option<Context>) -> Arc<str> {
        let known = context.and_then(|context| self.contexts.get(&context).cloned());
        if let Some(known) = known {
            return known;
        }
        let named = || match context {
            Some((canister, CallContextId(id))) => format!("{canister}-{id}"),
            None => "none".to_owned(),
        };
        let message: Arc<str> = match work {
            Work::Ingress(id) => Key::Ingress(id).text().into(),
            Work::Request(id) => match self.calls.get(&Key::Call(id)) {
                Some(entry) => entry.call.message.clone(),
                None => named().into(),
            },
            Work::Response { .. } | Work::Task => named().into(),
        };
        if let Some(context) = context {
            self.contexts.insert(context, message.clone());
            self.context_order.push_back(context);
            while self.context_order.len() > WATCHED_CONTEXTS_MAX {
                let oldest = self.context_order.pop_front();
                oldest.and_then(|oldest| self.contexts.remove(&oldest));
            }
        }
        message
    }
}

impl Key {
    /// The id as a text.
    pub fn text(self) -> String {
        match self {
            Self::Call(CallId { caller, callback }) => format!("{caller}-{}", callback.0),
            Self::Ingress(MessageId(bytes)) => {
                bytes[..8].iter().map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
