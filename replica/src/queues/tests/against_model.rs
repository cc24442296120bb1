//! Random use of the queues, and of the naive model beside them.

use super::model::Model;
use super::*;
use crate::types::Cycles;
use proptest::prelude::*;

/// What can happen to the queues.
#[derive(Clone, Debug)]
enum Step {
    /// The canister makes calls to a peer, as many as there are slots, bounded-wait ones with a timeout.
    Call {
        peer: u64,
        count: u64,
        timeout: Option<u64>,
    },
    /// A peer's calls arrive, as many as have a free slot.
    Called {
        peer: u64,
        count: u64,
        timeout: Option<u64>,
    },
    /// The next messages to a peer leave.
    Send {
        peer: u64,
        count: u64,
    },
    /// The response to one of the calls that were sent arrives.
    Respond {
        which: prop::sample::Index,
    },
    /// One of the executed calls gets its response.
    Answer {
        which: prop::sample::Index,
    },
    Ingress,
    Execute {
        count: u64,
    },
    Wait {
        seconds: u64,
    },
    /// All messages leave, except those to some peers.
    SendAll {
        refusing: Vec<u64>,
    },
    /// The queues are saved and restored.
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let peer = 0..PEERS;
    let count = || prop_oneof![8 => 1u64..4, 1 => 200u64..400];
    let timeout = || prop::option::of(0u64..400);
    prop_oneof![
        3 => (peer.clone(), count(), timeout())
            .prop_map(|(peer, count, timeout)| Step::Call { peer, count, timeout }),
        3 => (peer.clone(), count(), timeout())
            .prop_map(|(peer, count, timeout)| Step::Called { peer, count, timeout }),
        3 => (peer, count()).prop_map(|(peer, count)| Step::Send { peer, count }),
        3 => any::<prop::sample::Index>().prop_map(|which| Step::Respond { which }),
        3 => any::<prop::sample::Index>().prop_map(|which| Step::Answer { which }),
        1 => Just(Step::Ingress),
        4 => count().prop_map(|count| Step::Execute { count }),
        1 => (0u64..200).prop_map(|seconds| Step::Wait { seconds }),
        1 => prop::collection::vec(0..PEERS, 0..3).prop_map(|refusing| Step::SendAll { refusing }),
        1 => Just(Step::Restore),
    ]
}

/// The real queues and the model, doing the same.
#[derive(Default)]
struct Both {
    queues: Queues,
    model: Model,
}

impl Both {
    fn new_request(&mut self, from: u64, to: u64, timeout: Option<u64>) -> Request {
        self.model.calls_made += 1;
        let deadline = timeout.map(|timeout| seconds(self.model.now + timeout));
        request(from, to, self.model.calls_made, deadline)
    }

    fn call(&mut self, peer: u64, timeout: Option<u64>) {
        if self.model.free_slots(peer) == 0 {
            return;
        }
        let request = self.new_request(OWN, peer, timeout);
        let expiry = request.header.deadline.unwrap_or(seconds(self.model.now + 300));
        self.model.open.push((peer, request.clone()));
        self.model.output.push((peer, Message::Request(request.clone().into()), Some(expiry)));
        self.queues.push_output_request(request, seconds(self.model.now));
    }

    fn called(&mut self, peer: u64, timeout: Option<u64>) {
        if !self.model.has_room(peer) {
            return;
        }
        let request = self.new_request(peer, OWN, timeout);
        self.model.owed.push((peer, request.clone()));
        self.model.push_input(peer, Message::Request(request.clone().into()), is_local(peer));
        self.queues.push_input_request(request, is_local(peer));
    }

    fn respond(&mut self, response: Response, local: bool) {
        let peer = (0..PEERS).find(|peer| canister_id(*peer) == response.header.callee);
        let peer = peer.expect("the respondent is a peer");
        self.model.push_input(peer, Message::Response(response.clone().into()), local);
        self.queues.push_input_response(response, local);
    }

    fn answer(&mut self, response: Response) {
        let peer = (0..PEERS).find(|peer| canister_id(*peer) == response.header.caller);
        let peer = peer.expect("the originator is a peer");
        let deadline = response.header.deadline;
        self.model.output.push((peer, Message::Response(response.clone().into()), deadline));
        self.queues.push_output_response(response);
    }

    fn execute(&mut self) -> Result<bool, TestCaseError> {
        let expected = self.model.pop_input();
        prop_assert_eq!(&self.queues.pop_input(), &expected);
        if let Some(input) = &expected {
            self.model.executed(input);
        }
        Ok(expected.is_some())
    }

    fn send(&mut self, peer: u64) -> Result<bool, TestCaseError> {
        let expected = self.model.pop_output(peer);
        prop_assert_eq!(self.queues.peek_output(canister_id(peer)), expected.as_ref());
        prop_assert_eq!(&self.queues.pop_output(canister_id(peer)), &expected);
        Ok(expected.is_some())
    }

    /// Sends all messages. The next message to each of the `refusing` peers is put back.
    fn send_all(&mut self, refusing: &[u64]) -> Result<(), TestCaseError> {
        let mut expected = Vec::new();
        for peer in 0..PEERS {
            let next = self.model.output.iter().find(|(to, ..)| *to == peer);
            match refusing.contains(&peer) {
                true => expected.extend(next.map(|(_, message, _)| message.clone())),
                false => expected.extend(std::iter::from_fn(|| self.model.pop_output(peer))),
            }
        }
        let mut sent = Vec::new();
        let mut sending = self.queues.begin_sending(canister_id(OWN));
        while let Some(Sent { receiver, queued, .. }) = self.queues.send_next(&mut sending) {
            sent.push(queued.message.clone());
            if refusing.iter().any(|peer| canister_id(*peer) == receiver) {
                self.queues.put_back(receiver, queued, &mut sending);
            }
        }
        prop_assert_eq!(sent, expected);
        Ok(())
    }

    fn restore(&mut self) {
        let mut saved = Vec::new();
        ciborium::into_writer(&self.queues, &mut saved).expect("they can be encoded");
        self.queues = ciborium::from_reader(&*saved).expect("they can be decoded");
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Call { peer, count, timeout } => {
                (0..count).for_each(|_| self.call(peer, timeout));
            }
            Step::Called { peer, count, timeout } => {
                (0..count).for_each(|_| self.called(peer, timeout));
            }
            Step::Send { peer, count } => {
                for _ in 0..count {
                    self.send(peer)?;
                }
            }
            Step::Respond { which } if !self.model.sent.is_empty() => {
                let request = self.model.sent.remove(which.index(self.model.sent.len()));
                let local =
                    (0..PEERS).any(|p| canister_id(p) == request.header.callee && is_local(p));
                self.respond(answer(&request), local);
            }
            Step::Answer { which } if !self.model.executed.is_empty() => {
                let request = self.model.executed.remove(which.index(self.model.executed.len()));
                self.answer(answer(&request));
            }
            Step::Respond { .. } | Step::Answer { .. } => {}
            Step::Ingress => {
                let ingress = ingress(self.model.moment as u8);
                self.model.ingress.push(ingress.clone());
                self.queues.push_ingress(ingress);
            }
            Step::SendAll { refusing } => self.send_all(&refusing)?,
            Step::Restore => self.restore(),
            Step::Execute { count } => {
                for _ in 0..count {
                    self.execute()?;
                }
            }
            Step::Wait { seconds: waited } => {
                self.model.now += waited;
                let (rejects, lost) = self.model.time_out();
                let timed_out = self.queues.time_out(seconds(self.model.now));
                let rejected: Vec<CallbackId> =
                    timed_out.rejects.iter().map(|reject| reject.header.callback).collect();
                prop_assert_eq!(rejected, rejects);
                let dropped: Cycles = timed_out.dropped.iter().map(Message::cycles).sum();
                prop_assert_eq!(dropped, lost);
                // The canister gets them like responses from its own subnet.
                timed_out.rejects.into_iter().for_each(|reject| self.respond(reject, true));
            }
        }
        self.compare()
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let (queues, model) = (&self.queues, &self.model);
        for peer in 0..PEERS {
            let id = Callee::from(canister_id(peer));
            prop_assert_eq!(queues.free_slots(id), model.free_slots(peer));
            let listed = queues.slots().get(&id).copied();
            prop_assert_eq!(listed.unwrap_or(500), model.free_slots(peer));
            prop_assert_eq!(queues.has_room_for_request(id), model.has_room(peer));
            let has_output = model.output.iter().any(|(to, _, _)| *to == peer);
            prop_assert_eq!(queues.output_peers().contains(&id), has_output);
        }
        let (guaranteed, best_effort) = model.bytes();
        prop_assert_eq!(queues.guaranteed_bytes(), guaranteed);
        prop_assert_eq!(queues.bytes(), guaranteed + best_effort);
        prop_assert_eq!(queues.has_output(), !model.output.is_empty());
        let has_input = !(model.input.is_empty() && model.ingress.is_empty());
        prop_assert_eq!(queues.has_input(), has_input);
        let is_idle = !has_input && model.open.is_empty() && model.owed.is_empty();
        prop_assert_eq!(queues.is_idle(), is_idle);
        Ok(())
    }

    /// Lets everything that is open come to its end.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        while !self.queues.is_idle() {
            for peer in 0..PEERS {
                while self.send(peer)? {}
            }
            for request in std::mem::take(&mut self.model.sent) {
                self.respond(answer(&request), true);
            }
            while self.execute()? {}
            for request in std::mem::take(&mut self.model.executed) {
                self.answer(answer(&request));
            }
            self.compare()?;
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn queues_do_what_a_naive_model_does_and_balance_in_the_end(
        steps in prop::collection::vec(step(), 1..60)
    ) {
        let mut both = Both::default();
        for step in steps {
            both.step(step)?;
        }
        both.finish()?;
        prop_assert_eq!(both.queues.bytes(), 0);
        prop_assert!(both.queues.slots().is_empty());
    }
}
