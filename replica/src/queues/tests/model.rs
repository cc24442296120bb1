//! A naive model of the queues: lists that are searched, nothing that is counted along.

use super::*;
use crate::types::Cycles;

/// The naive model, driven beside the real thing.
#[derive(Default)]
pub struct Model {
    pub now: u64,
    pub calls_made: u64,
    pub moment: u64,
    pub input: Vec<(u64, Message)>,
    pub ingress: Vec<Ingress>,
    pub output: Vec<(u64, Message, Option<Time>)>,
    /// Calls this canister made and has not executed the response to, with the peer.
    pub open: Vec<(u64, Request)>,
    /// Those of them that were sent and have no response yet.
    pub sent: Vec<Request>,
    /// Calls that arrived and whose response has not left, with the peer.
    pub owed: Vec<(u64, Request)>,
    /// The executed ones of these calls that have no response yet.
    pub executed: Vec<Request>,
    /// Senders with input: since when they have been waiting for their turn, and among whom.
    turns: BTreeMap<u64, (u64, bool)>,
    served_last: usize,
}

impl Model {
    pub fn count(&self, queue: &[(u64, Message)], peer: u64) -> usize {
        let is_request = |message: &Message| matches!(message, Message::Request(_));
        queue.iter().filter(|(of, message)| *of == peer && is_request(message)).count()
    }

    pub fn free_slots(&self, peer: u64) -> usize {
        let output: Vec<(u64, Message)> =
            self.output.iter().map(|(peer, message, _)| (*peer, message.clone())).collect();
        let open = self.open.iter().filter(|(of, _)| *of == peer).count();
        500 - open.max(self.count(&output, peer))
    }

    pub fn has_room(&self, peer: u64) -> bool {
        self.owed.iter().filter(|(of, _)| *of == peer).count() < 500
            && self.count(&self.input, peer) < 500
    }

    /// The bytes of memory that messages take: those of unbounded-wait calls, and those of bounded-wait
    /// calls.
    pub fn bytes(&self) -> (u64, u64) {
        let waiting = || {
            let output = self.output.iter().map(|(_, message, _)| message);
            self.input.iter().map(|(_, message)| message).chain(output)
        };
        let is_guaranteed = |message: &&Message| message.header().deadline.is_none();
        let responses = waiting().filter(|message| matches!(message, Message::Response(_)));
        let calls = self.open.iter().chain(&self.owed);
        let calls = calls.filter(|(_, request)| request.header.deadline.is_none()).count();
        let expected = calls - responses.clone().filter(is_guaranteed).count();
        let size = |message: &Message| 144 + message.payload_bytes() as u64;
        let guaranteed = expected as u64 * (2 * 1024 * 1024 + 144)
            + responses.filter(is_guaranteed).map(size).sum::<u64>();
        let best_effort = waiting().filter(|message| !is_guaranteed(message)).map(|message| {
            size(message) + if matches!(message, Message::Request(_)) { 176 - 144 } else { 0 }
        });
        (guaranteed, best_effort.sum())
    }

    pub fn push_input(&mut self, peer: u64, message: Message, local: bool) {
        self.moment += 1;
        self.turns.entry(peer).or_insert((self.moment, local));
        self.input.push((peer, message));
    }

    /// The source whose turn it is and that has something; in it the sender that waits longest.
    pub fn pop_input(&mut self) -> Option<Input> {
        for _ in 0..3 {
            let source = self.served_last % 3;
            self.served_last += 1;
            if source == 1 {
                if !self.ingress.is_empty() {
                    return Some(Input::Ingress(self.ingress.remove(0).into()));
                }
                continue;
            }
            let waiting = self.turns.iter().filter(|(_, (_, local))| *local == (source == 0));
            let Some((&peer, _)) = waiting.min_by_key(|(_, (since, _))| *since) else { continue };
            let first = self.input.iter().position(|(of, _)| *of == peer).expect("it has input");
            let (_, message) = self.input.remove(first);
            self.moment += 1;
            if self.input.iter().any(|(of, _)| *of == peer) {
                self.turns.get_mut(&peer).expect("it had a turn").0 = self.moment;
            } else {
                self.turns.remove(&peer);
            }
            return Some(Input::Message(message));
        }
        None
    }

    pub fn executed(&mut self, input: &Input) {
        match input {
            Input::Ingress(_) => {}
            Input::Message(Message::Request(request)) => {
                self.executed.push(Request::clone(request))
            }
            Input::Message(Message::Response(response)) => {
                self.open
                    .retain(|(_, request)| request.header.callback != response.header.callback);
            }
        }
    }

    pub fn pop_output(&mut self, peer: u64) -> Option<Message> {
        let first = self.output.iter().position(|(to, _, _)| *to == peer)?;
        let (_, message, _) = self.output.remove(first);
        match &message {
            Message::Request(request) => self.sent.push(Request::clone(request)),
            Message::Response(response) => {
                self.owed
                    .retain(|(_, request)| request.header.callback != response.header.callback);
            }
        }
        Some(message)
    }

    pub fn time_out(&mut self) -> (Vec<CallbackId>, Cycles) {
        let now = seconds(self.now);
        let (mut rejects, mut lost) = (Vec::new(), 0);
        let output = std::mem::take(&mut self.output);
        for (peer, message, expiry) in output {
            match &message {
                _ if expiry.is_none_or(|expiry| expiry >= now) => {
                    self.output.push((peer, message, expiry));
                }
                Message::Request(request) => rejects.push((expiry, request.header.callback)),
                Message::Response(response) => {
                    self.owed
                        .retain(|(_, request)| request.header.callback != response.header.callback);
                    lost += response.refund;
                }
            }
        }
        let input = std::mem::take(&mut self.input);
        for (peer, message) in input {
            match &message {
                Message::Request(request) if request.header.deadline.is_some_and(|at| at < now) => {
                    self.owed.retain(|(_, owed)| owed.header.callback != request.header.callback);
                    lost += request.content.cycles;
                }
                _ => self.input.push((peer, message)),
            }
        }
        self.turns.retain(|peer, _| self.input.iter().any(|(of, _)| of == peer));
        // A stable sort: requests of the same time stay in the order in which they were made.
        rejects.sort_by_key(|(expiry, _)| *expiry);
        (rejects.into_iter().map(|(_, callback)| callback).collect(), lost)
    }
}
