//! Makes a scenario from a seed.

use super::*;
use crate::random::Random;

const SUBNETS_MAX: u64 = 3;
/// Most of the time each canister has a thread of its own.
const CANISTERS_PER_SUBNET: u64 = 4;
const CANISTERS_PER_SUBNET_MAX: u64 = 10;
const BILLION: u64 = 1_000_000_000;

/// The scenario of a seed.
pub fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let subnets = 1 + random.below(SUBNETS_MAX) as usize;
    let subnet_type = |_| match random.below(5) {
        0 => SubnetType::System,
        _ => SubnetType::Application,
    };
    let types: Vec<SubnetType> = (0..subnets).map(subnet_type).collect();
    let mut canisters = Vec::new();
    let is_crowded = random.below(8) == 0;
    let most = if is_crowded { CANISTERS_PER_SUBNET_MAX } else { CANISTERS_PER_SUBNET };
    for subnet in 0..subnets {
        for _ in 0..1 + random.below(most) {
            let cycles = match random.below(4) {
                0 => random.below(200 * BILLION),
                _ => 100_000 * BILLION,
            };
            canisters.push(Home { subnet, cycles: cycles.into() });
        }
    }
    let mut generator = Generator {
        random,
        canisters: canisters.len(),
        fan_outs_left: 2,
        toil_left: 2,
        long_left: 2,
    };
    let mut actions = Vec::new();
    for _ in 0..4 + generator.random.below(24) {
        match generator.random.below(600) {
            0..=9 => actions.extend(generator.flood()),
            10 => actions.extend(generator.flood_again()),
            11..=25 => actions.extend(generator.interrupt()),
            26..=33 if is_crowded => actions.extend(generator.crowd()),
            _ => actions.push(generator.action()),
        }
    }
    Scenario { subnets: types, canisters, actions }
}

/// Generates the actions of a scenario.
struct Generator {
    random: Random,
    canisters: usize,
    /// What takes long is rationed.
    fan_outs_left: u64,
    toil_left: u64,
    long_left: u64,
}

impl Generator {
    fn one_in(&mut self, n: u64) -> bool {
        self.random.below(n) == 0
    }

    fn canister(&mut self) -> usize {
        self.random.below(self.canisters as u64) as usize
    }

    fn action(&mut self) -> Action {
        match self.random.below(20) {
            0..=9 => {
                let (canister, method) = (self.canister(), self.method());
                Action::Call { canister, method, body: self.body(4, Place::Call) }
            }
            10..=11 => {
                let what = match self.random.below(12) {
                    0..=2 => Manage::Stop,
                    3..=5 => Manage::Start,
                    6 => Manage::Install,
                    7 => Manage::Reinstall,
                    8..=9 => Manage::Upgrade,
                    10 => Manage::Uninstall,
                    _ => Manage::Delete,
                };
                Action::Manage { canister: self.canister(), what }
            }
            12..=18 => Action::Tick,
            _ => {
                let choices = [1, 2, 9, 40, 299, 301];
                Action::Wait { seconds: choices[self.random.below(6) as usize] }
            }
        }
    }

    /// More calls than are executed in a round, and a pause in which some of them expire.
    fn flood(&mut self) -> Vec<Action> {
        let (times, answer) = match self.random.below(4) {
            // Replies that fill a stream.
            0 => (14, vec![Step::Reply { bytes: 1_000_000 }]),
            // More calls than a system subnet takes.
            1 => (51 + self.random.below(250), vec![Step::Reply { bytes: 1 }]),
            _ => (50, vec![Step::Toil { times: 1 }, Step::Reply { bytes: 1 }]),
        };
        let mut call = self.call_made_often();
        call.to = Target::Canister(self.canister());
        call.times = times;
        call.method = Method::Run;
        call.argument = Argument::Body(Body(answer));
        self.pause_after(call)
    }

    /// Calls that keep their callee busy for longer than they wait, twice.
    fn flood_again(&mut self) -> Vec<Action> {
        let mut inner = self.call_made_often();
        inner.timeout = None;
        let mut call = self.call_made_often();
        call.to = Target::Canister(self.canister());
        call.times = 500;
        call.method = Method::Run;
        call.timeout = Some(1);
        call.argument = Argument::Body(Body(vec![Step::Call(Box::new(inner))]));
        let mut actions = self.pause_after(call);
        actions.extend_from_within(0..1);
        actions
    }

    /// Something long, in which the canister is called and managed, and time passes.
    fn interrupt(&mut self) -> Vec<Action> {
        let mut actions = vec![self.long_call(), Action::Tick];
        let Action::Call { canister, .. } = actions[0] else { unreachable!("it is a call") };
        for _ in 0..1 + self.random.below(6) {
            let mut action = self.action();
            if let Action::Call { canister: to, .. } | Action::Manage { canister: to, .. } =
                &mut action
            {
                *to = canister;
            }
            actions.push(action);
        }
        actions
    }

    /// More that is long than can be paused.
    fn crowd(&mut self) -> Vec<Action> {
        let mut actions: Vec<_> = (0..8).map(|_| self.long_call()).collect();
        let first = self.canister();
        for (number, action) in actions.iter_mut().enumerate() {
            let Action::Call { canister, .. } = action else { unreachable!("it is a call") };
            *canister = (first + number) % self.canisters;
        }
        actions.push(Action::Tick);
        actions
    }

    /// A call that takes long, or one to somebody for whom it does, or with such a callback.
    fn long_call(&mut self) -> Action {
        let toil = Step::Toil { times: self.long() };
        let mut body = self.body(1, Place::Call);
        let kind = self.random.below(4);
        if kind < 2 {
            body.0.insert(1, toil);
        } else {
            let mut call = self.call(1);
            match (kind, &mut call.argument) {
                (2, Argument::Body(argument)) => argument.0.insert(0, toil),
                _ => {
                    call.on_reject.0.push(toil.clone());
                    call.on_reply.0.insert(0, toil);
                }
            }
            call.times = 1;
            call.to = Target::Canister(self.canister());
            body.0.insert(1, Step::Call(Box::new(call)));
        }
        Action::Call { canister: self.canister(), method: Method::Run, body }
    }

    /// How often to toil for half a slice to four of them, or for too many.
    fn long(&mut self) -> u64 {
        match self.random.below(24) {
            0 => 900,
            _ => [20, 45, 60, 85, 120, 150][self.random.below(6) as usize],
        }
    }

    fn pause_after(&mut self, call: Call) -> Vec<Action> {
        let (canister, method) = (self.canister(), Method::Run);
        let body = Body(vec![Step::Call(Box::new(call))]);
        let seconds = 2 + self.random.below(310);
        let call = Action::Call { canister, method, body };
        vec![call, Action::Tick, Action::Wait { seconds }]
    }

    fn method(&mut self) -> Method {
        match self.random.below(30) {
            0 => Method::Ask,
            1 => Method::Nope,
            _ => Method::Run,
        }
    }

    /// What is done in some place, with calls nested so deep at most.
    fn body(&mut self, depth: u64, place: Place) -> Body {
        let mut steps = Vec::new();
        let stable = self.one_in(4);
        steps.push(Step::Count { tag: self.random.next(), stable });
        for _ in 0..self.random.below(4) {
            steps.extend(self.step(depth, place));
        }
        let is_call = |step: &Step| matches!(step, Step::Call(_));
        let leaves_open = place == Place::Call && steps.iter().any(is_call);
        steps.extend(self.end(if leaves_open { Place::Callback } else { place }));
        Body(steps)
    }

    fn step(&mut self, depth: u64, place: Place) -> Option<Step> {
        let calls = depth > 0 && place != Place::Cleanup;
        Some(match self.random.below(12) {
            0 if place != Place::Cleanup => Step::Accept(self.random.below(3 * BILLION)),
            1 => Step::Count { tag: self.random.next(), stable: false },
            2 if self.one_in(4) => Step::Burn { keep: self.random.below(100 * BILLION) },
            2 if self.toil_left > 0 && self.one_in(20) => {
                self.toil_left -= 1;
                Step::Toil { times: 1 }
            }
            2 if self.long_left > 0 && place != Place::Cleanup && self.one_in(6) => {
                self.long_left -= 1;
                Step::Toil { times: self.long() }
            }
            3..=8 if calls => Step::Call(Box::new(self.call(depth - 1))),
            _ => return None,
        })
    }

    fn end(&mut self, place: Place) -> Option<Step> {
        let answer = |random: &mut Random| Step::Reply { bytes: random.below(40) };
        Some(match (place, self.random.below(14)) {
            (_, 0) => Step::Trap,
            (_, 1) if self.one_in(2) => Step::Unreachable,
            (Place::Cleanup, _) => return None,
            (_, 2) => Step::Reject,
            (Place::Call, 3..=11) | (Place::Callback, 3..=5) => answer(&mut self.random),
            _ => return None,
        })
    }

    /// A call without anything that takes long.
    fn call_made_often(&mut self) -> Call {
        let long_left = std::mem::take(&mut self.long_left);
        let call = self.call(0);
        self.long_left = long_left;
        call
    }

    fn call(&mut self, depth: u64) -> Call {
        let to = match self.random.below(40) {
            0 => Target::Missing,
            1 => Target::Nowhere,
            2 => Target::Random,
            3..=4 => Target::Deposit(self.random.below(self.canisters as u64 + 1) as usize),
            _ => Target::Canister(self.canister()),
        };
        let mut call = Call {
            times: 1,
            to,
            method: self.method(),
            argument: Argument::Zeros(0),
            cycles: if self.one_in(3) { self.random.below(4 * BILLION) } else { 0 },
            timeout: self.timeout(),
            on_reply: Body::default(),
            on_reject: Body::default(),
            on_cleanup: None,
            refused: Body::default(),
        };
        if self.one_in(150) {
            call.method = Method::Size;
            call.argument = Argument::Zeros(self.random.below(3 << 20));
            return call;
        }
        let long_left = self.long_left;
        let depth = match self.fan_outs_left > 0 && self.one_in(40) {
            true => {
                self.fan_outs_left -= 1;
                let counts = [3, 20, 60, 498, 503];
                call.times = counts[self.random.below(5) as usize];
                self.long_left = 0;
                0
            }
            false => depth,
        };
        call.argument = Argument::Body(self.body(depth, Place::Call));
        call.on_reply = self.body(depth.min(2), Place::Callback);
        call.on_reject = self.body(depth.min(1), Place::Callback);
        call.on_cleanup = self.one_in(2).then(|| self.body(0, Place::Cleanup));
        if self.one_in(3) {
            call.refused = self.body(0, Place::Callback);
        }
        if call.times > 1 {
            self.long_left = long_left;
        }
        call
    }

    fn timeout(&mut self) -> Option<u64> {
        let choices = [0, 1, 5, 30, 300, 1_000];
        self.one_in(2).then(|| choices[self.random.below(6) as usize])
    }
}

/// Where a body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Call,
    Callback,
    Cleanup,
}
