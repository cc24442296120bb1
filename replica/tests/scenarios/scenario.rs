//! What can happen in a scenario, and what a seed makes of that.

use crate::random::Random;

/// A network, and what users do with it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub subnets: usize,
    pub canisters: Vec<Home>,
    pub actions: Vec<Action>,
}

/// Where a canister lives and what it begins with.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    pub subnet: usize,
    pub cycles: u128,
}

#[derive(Clone, Debug)]
pub enum Action {
    /// A user calls a canister.
    Call { canister: usize, method: Method, body: Body },
    /// Its controller does something to it.
    Manage { canister: usize, what: Manage },
    /// Every subnet executes a round.
    Tick,
    /// Time passes without one.
    Wait { seconds: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manage {
    Stop,
    Start,
    Install,
    Reinstall,
    Upgrade,
    Uninstall,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The update that runs the body it gets.
    Run,
    /// The query that does.
    Ask,
    /// The update that only looks at the size of its argument.
    Size,
    /// No method.
    Nope,
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Ask => "ask",
            Self::Size => "size",
            Self::Nope => "nope",
        }
    }
}

/// What one execution does, step by step.
#[derive(Clone, Debug, Default)]
pub struct Body(pub Vec<Step>);

#[derive(Clone, Debug)]
pub enum Step {
    /// Adds to what the canister remembers, in its heap and, if so, in stable memory.
    Count {
        tag: u64,
        stable: bool,
    },
    /// Takes attached cycles, as many as there are and at most this many.
    Accept(u64),
    /// Burns all cycles but so many.
    Burn {
        keep: u64,
    },
    /// Needs many instructions.
    Toil,
    Call(Box<Call>),
    Reply {
        bytes: u64,
    },
    Reject,
    Trap,
    Unreachable,
}

/// A call, made once or many times.
#[derive(Clone, Debug)]
pub struct Call {
    pub times: u64,
    pub to: Target,
    pub method: Method,
    pub argument: Argument,
    pub cycles: u64,
    pub timeout: Option<u64>,
    pub on_reply: Body,
    pub on_reject: Body,
    pub on_cleanup: Option<Body>,
    /// What the caller does when the call cannot be made.
    pub refused: Body,
}

#[derive(Clone, Debug)]
pub enum Argument {
    Body(Body),
    Zeros(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Canister(usize),
    /// An id of the first subnet that no canister has.
    Missing,
    /// An id of no subnet.
    Nowhere,
    /// The management canister, to deposit the attached cycles with a canister; with the missing
    /// one, if there is none of this number.
    Deposit(usize),
}

const SUBNETS_MAX: u64 = 3;
/// With more canisters than threads, it would matter which of them share one.
const CANISTERS_PER_SUBNET_MAX: u64 = 4;
const BILLION: u64 = 1_000_000_000;

/// The scenario of a seed.
pub fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let subnets = 1 + random.below(SUBNETS_MAX) as usize;
    let mut canisters = Vec::new();
    for subnet in 0..subnets {
        for _ in 0..1 + random.below(CANISTERS_PER_SUBNET_MAX) {
            let cycles = match random.below(4) {
                0 => random.below(200 * BILLION),
                _ => 100_000 * BILLION,
            };
            canisters.push(Home { subnet, cycles: cycles.into() });
        }
    }
    let mut making = Making { random, canisters: canisters.len(), fan_outs_left: 2, toil_left: 2 };
    let mut actions = Vec::new();
    for _ in 0..4 + making.random.below(24) {
        match making.random.below(600) {
            0..=9 => actions.extend(making.flood()),
            10 => actions.extend(making.flood_again()),
            _ => actions.push(making.action()),
        }
    }
    Scenario { subnets, canisters, actions }
}

/// A scenario in the making.
struct Making {
    random: Random,
    canisters: usize,
    /// What takes long is rationed.
    fan_outs_left: u64,
    toil_left: u64,
}

impl Making {
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
        let large = self.one_in(3);
        let answer = match large {
            // Replies that fill a stream.
            true => vec![Step::Reply { bytes: 1_000_000 }],
            false => vec![Step::Toil, Step::Reply { bytes: 1 }],
        };
        let mut call = self.call(0);
        call.to = Target::Canister(self.canister());
        call.times = if large { 14 } else { 50 };
        call.method = Method::Run;
        call.argument = Argument::Body(Body(answer));
        self.pause_after(call)
    }

    /// Calls that keep their callee busy for longer than they wait, twice.
    fn flood_again(&mut self) -> Vec<Action> {
        let mut inner = self.call(0);
        inner.timeout = None;
        let mut call = self.call(0);
        call.to = Target::Canister(self.canister());
        call.times = 500;
        call.method = Method::Run;
        call.timeout = Some(1);
        call.argument = Argument::Body(Body(vec![Step::Call(Box::new(inner))]));
        let mut actions = self.pause_after(call);
        actions.extend_from_within(0..1);
        actions
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
                Step::Toil
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

    fn call(&mut self, depth: u64) -> Call {
        let to = match self.random.below(40) {
            0 => Target::Missing,
            1 => Target::Nowhere,
            2..=3 => Target::Deposit(self.random.below(self.canisters as u64 + 1) as usize),
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
        let depth = match self.fan_outs_left > 0 && self.one_in(40) {
            true => {
                self.fan_outs_left -= 1;
                let counts = [3, 20, 60, 498, 503];
                call.times = counts[self.random.below(5) as usize];
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
