use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::super::layout::reason_of;
use super::*;

/// A call to append.
#[derive(Clone, Debug)]
struct Call {
    callee: u8,
    idempotent: bool,
    attempts: u32,
    order: Option<u8>,
}

#[derive(Clone, Debug)]
enum Step {
    Enqueue(Vec<Call>),
    /// Responds to an open call with a reply, or a reject with this code. So many cycles come back.
    Respond(u16, Option<u32>, u128),
    Wait(u64),
    Pause,
    Resume,
    Cancel,
    Upgrade,
    /// The callback of an open call traps.
    Trap(u16),
    Take(usize),
    /// Slots, and calls that the cycles are enough for.
    Limits(usize, usize),
}

fn call() -> impl Strategy<Value = Call> {
    (1_u8..4, any::<bool>(), 1_u32..4, proptest::option::of(0_u8..3)).prop_map(
        |(callee, idempotent, attempts, order)| Call { callee, idempotent, attempts, order },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let response = prop_oneof![3 => Just(None), 2 => (2_u32..7).prop_map(Some)];
    prop_oneof![
        6 => vec(call(), 0..6).prop_map(Step::Enqueue),
        12 => (any::<u16>(), response, 0_u128..5).prop_map(|(c, r, f)| Step::Respond(c, r, f)),
        6 => (0_u64..4_000).prop_map(Step::Wait),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => Just(Step::Cancel),
        2 => Just(Step::Upgrade),
        1 => any::<u16>().prop_map(Step::Trap),
        3 => (0_usize..6).prop_map(Step::Take),
        2 => (0_usize..4, 0_usize..8).prop_map(|(s, c)| Step::Limits(s, c)),
    ]
}

/// What an entry is in the naive model.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Waiting,
    Open,
    /// Its call was open when the program ended. The outbox notices it later.
    Interrupted,
    Settled,
}

#[derive(Debug)]
struct Modelled {
    call: Call,
    stage: Stage,
    attempts: u32,
    due: Duration,
    refunded: u128,
    unknown: Option<ReasonKind>,
    outcome: Option<Outcome<Reply>>,
}

/// All entries, in a list that is searched from the start.
#[derive(Default)]
struct Model {
    entries: Vec<Modelled>,
    cancelled_before: usize,
    paused: bool,
    /// Calls that were looked at, of those that were sent.
    seen: usize,
    taken: usize,
}

impl Model {
    /// Checks the calls that were sent since the last time.
    fn look_at_sent(&mut self, machine: &Machine) {
        for sent in machine.sent().into_iter().skip(self.seen) {
            self.seen += 1;
            let number = sent as usize;
            assert!(!self.paused, "{number} was sent during a pause");
            assert!(number >= self.cancelled_before, "{number} was sent after it was cancelled");
            let entry = &self.entries[number];
            match entry.stage {
                Stage::Waiting => {}
                Stage::Interrupted => {
                    assert!(entry.call.idempotent, "{number} was sent twice");
                    let Modelled { unknown, .. } = &mut self.entries[number];
                    unknown.get_or_insert(ReasonKind::Interrupted);
                }
                _ => panic!("{number} was sent and is {entry:?}"),
            }
            let entry = &self.entries[number];
            assert!(entry.attempts < entry.call.attempts, "{number} was sent too often");
            assert!(machine.now() >= entry.due, "{number} was sent too early");
            let overtaken = (0..number).find(|other| self.is_overtaken(*other, number));
            assert_eq!(overtaken, None, "{number} has overtaken an entry with the same key");
            let entry = &mut self.entries[number];
            entry.stage = Stage::Open;
            entry.attempts += 1;
        }
    }

    /// Whether an earlier entry has the same key as the one that was sent now, and is certainly not settled.
    fn is_overtaken(&self, other: usize, sent: usize) -> bool {
        let is_cancelled = other < self.cancelled_before;
        let (other, sent) = (&self.entries[other], &self.entries[sent]);
        let is_unsettled = match other.stage {
            Stage::Waiting => !is_cancelled,
            Stage::Open => true,
            Stage::Interrupted => {
                !is_cancelled && other.call.idempotent && other.attempts < other.call.attempts
            }
            Stage::Settled => false,
        };
        is_unsettled && sent.call.order.is_some() && other.call.order == sent.call.order
    }

    /// What becomes of an entry after an attempt.
    fn conclude(&mut self, number: usize, outcome: Outcome<Reply>, now: Duration) {
        let is_cancelled = number < self.cancelled_before;
        let entry = &mut self.entries[number];
        let retry = Retry::attempts(entry.call.attempts);
        if !is_cancelled && retry.should_retry(entry.call.idempotent, entry.attempts, &outcome) {
            entry.refunded += outcome.refunded();
            if let Outcome::Unknown(failure) = outcome {
                entry.unknown.get_or_insert(failure.reason.kind());
            }
            entry.due = now + retry.delay_after(entry.attempts);
            entry.stage = Stage::Waiting;
        } else {
            entry.settle(outcome);
        }
    }

    /// An upgrade, or the callback of the entry `trapped`, cuts off all responses. A trap gives the others their
    /// attempts back.
    fn interrupt(&mut self, trapped: Option<usize>) {
        for (number, entry) in self.entries.iter_mut().enumerate() {
            if entry.stage == Stage::Open {
                entry.stage = Stage::Interrupted;
                entry.attempts -= u32::from(trapped.is_some_and(|trapped| trapped != number));
            }
        }
    }

    /// Checks results, all of which were taken.
    fn look_at_results(&mut self, results: Vec<OutboxResult>) {
        for OutboxResult { number, outcome, attempts, earlier_unknown } in results {
            assert_eq!(number as usize, self.taken, "the results are in order");
            self.taken += 1;
            let is_cancelled = (number as usize) < self.cancelled_before;
            let entry = &mut self.entries[number as usize];
            assert_eq!(attempts, entry.attempts, "{number}: {entry:?}");
            if entry.stage == Stage::Settled {
                assert_eq!(earlier_unknown, entry.unknown, "{number}: {entry:?}");
            }
            match entry.stage {
                Stage::Interrupted => {
                    // Either the outbox has noticed it before the entry was cancelled, or after that.
                    let kinds = [Some(ReasonKind::Interrupted), entry.unknown];
                    let kind = class(&outcome).expect_err("it is unknown");
                    assert!(kinds.contains(&Some(kind)), "{number}: {entry:?} is {kind:?}");
                    entry.unknown = None;
                    entry.settle(Outcome::failed(reason_of(kind, String::new())));
                }
                Stage::Waiting if is_cancelled => entry.settle(Outcome::failed(Reason::Cancelled)),
                _ => {}
            }
            let expected = entry.outcome.as_ref().unwrap_or_else(|| panic!("{number}: {entry:?}"));
            assert_eq!(class(&outcome), class(expected), "{number}: {entry:?}");
            assert_eq!(outcome.refunded(), expected.refunded(), "{number}: {entry:?}");
        }
    }
}

/// What two outcomes must have in common: the texts of reasons may differ.
fn class(outcome: &Outcome<Reply>) -> Result<Vec<u8>, ReasonKind> {
    match outcome {
        Outcome::Done(reply) => Ok(reply.bytes.clone()),
        other => Err(other.reason().expect("no reply is dropped").kind()),
    }
}

impl Modelled {
    fn settle(&mut self, outcome: Outcome<Reply>) {
        let mut outcome = match (self.unknown, outcome) {
            (Some(kind), Outcome::NotDone(failure)) => Outcome::failed(Failure {
                reason: reason_of(kind, String::new()),
                refunded: failure.refunded,
            }),
            (_, outcome) => outcome,
        };
        outcome.add_refund(self.refunded);
        self.stage = Stage::Settled;
        self.outcome = Some(outcome);
    }
}

/// The outbox, and the model beside it.
struct Test {
    machine: Machine,
    memory: VectorMemory,
    outbox: Outbox<VectorMemory>,
    model: Model,
}

impl Test {
    fn respond(&mut self, choice: u16, code: Option<u32>, refunded: u128) {
        let open = self.machine.script().open();
        let Some(&call) = open.get(usize::from(choice) % open.len().max(1)) else { return };
        let number = self.machine.sent()[call] as usize;
        let result = match code {
            None => Ok(vec![number as u8; 3]),
            Some(code) => Err(Reason::rejected(code, "rejected".into())),
        };
        let response = Response { result: result.clone(), refunded };
        let outcome = response.outcome(&request(1, 0));
        self.model.conclude(number, outcome, self.machine.now());
        let script = &self.machine.script();
        self.machine.message(|| script.respond_with_refund(call, result, refunded));
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Enqueue(calls) => {
                let first = self.model.entries.len() as u64;
                let entries = (first..).zip(&calls).map(|(number, call)| {
                    let request =
                        request(call.callee, number).with_retry(Retry::attempts(call.attempts));
                    let request = if call.idempotent { request.idempotent() } else { request };
                    match call.order {
                        None => Entry::from(request),
                        Some(key) => Entry::from(request).in_order([key]),
                    }
                });
                let numbers = self.outbox.enqueue(entries).expect("there is room");
                assert_eq!(numbers, first..first + calls.len() as u64);
                self.model.entries.extend(calls.into_iter().map(|call| Modelled {
                    call,
                    stage: Stage::Waiting,
                    attempts: 0,
                    due: Duration::ZERO,
                    refunded: 0,
                    unknown: None,
                    outcome: None,
                }));
            }
            Step::Respond(choice, code, refunded) => self.respond(choice, code, refunded),
            Step::Wait(milliseconds) => self.machine.wait(Duration::from_millis(milliseconds)),
            Step::Pause => {
                self.outbox.pause();
                self.model.paused = true;
            }
            Step::Resume => {
                self.outbox.resume();
                self.model.paused = false;
            }
            Step::Cancel => {
                self.outbox.cancel();
                self.model.cancelled_before = self.model.entries.len();
            }
            Step::Upgrade => {
                self.machine.end_program();
                self.model.interrupt(None);
                self.outbox = started(&self.machine, &self.memory);
            }
            Step::Trap(choice) => {
                let open = self.machine.script().open();
                if let Some(&call) = open.get(usize::from(choice) % open.len().max(1)) {
                    self.model.interrupt(Some(self.machine.sent()[call] as usize));
                    self.machine.trap_in(call);
                }
            }
            Step::Take(max) => {
                let results = self.outbox.take_results(max);
                self.model.look_at_results(results);
            }
            Step::Limits(slots, affordable) => {
                self.machine.script().slots.set(slots);
                self.machine.script().affordable.set(affordable);
            }
        }
        self.model.look_at_sent(&self.machine);
        let status = self.outbox.status();
        let all = status.waiting + status.open + status.summary.attempted();
        assert_eq!((status.entries, all), (all, self.model.entries.len() as u64));
        assert_eq!(status.results, status.summary.attempted() - self.model.taken as u64);
        let is_open = |entry: &&Modelled| entry.stage == Stage::Open;
        let open = self.model.entries.iter().filter(is_open).count();
        assert!(status.open >= open as u64);
        assert_eq!(self.machine.script().open().len(), open);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 768, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_entry_is_sent_as_the_model_allows_and_has_its_one_result(
        steps in vec(step(), 1..80),
    ) {
        let (machine, memory, outbox) = new(2, 5);
        let mut test = Test { machine, memory, outbox, model: Model::default() };
        for step in steps {
            test.run(step);
        }
        // Now nothing is missing, and each call that is open or made gets a reply.
        test.run(Step::Limits(10, 100));
        test.run(Step::Resume);
        for _ in 0..2_000 {
            test.run(Step::Wait(1_000));
            test.run(Step::Respond(0, None, 0));
            test.run(Step::Take(3));
            let status = test.outbox.status();
            if status.waiting + status.open + status.results == 0 {
                break;
            }
        }
        let status = test.outbox.status();
        prop_assert_eq!((status.waiting, status.open, status.results, status.bytes), (0, 0, 0, 0));
        prop_assert_eq!(test.model.taken, test.model.entries.len());
        test.machine.wait(Duration::from_secs(100));
        prop_assert!(test.machine.has_no_timer());
    }
}
