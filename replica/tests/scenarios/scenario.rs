//! Scenarios: what can happen on a network.

mod generator;

pub use generator::scenario;

/// A network, and what users do with it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// In the order of their creation.
    pub subnets: Vec<SubnetType>,
    pub canisters: Vec<Home>,
    pub actions: Vec<Action>,
}

/// A system subnet charges nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetType {
    Application,
    System,
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
    /// Needs many instructions: so many times 52 million.
    Toil {
        times: u64,
    },
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
    /// The management canister of the caller's subnet, for random bytes.
    Random,
}
