use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

use super::*;
use crate::{Limits, Slots, Wait};

type Timer = Box<dyn FnOnce()>;

/// A canister with an outbox, on the scripted transport. A test gives the responses, and lets the time pass.
#[derive(Clone)]
pub struct Machine(Rc<MachineState>);

pub struct MachineState {
    script: ScriptedTransport,
    tasks: RefCell<Vec<Pin<Box<dyn Future<Output = ()>>>>>,
    timers: RefCell<Vec<(Duration, Timer)>>,
    /// The most calls that one message has sent.
    sent_at_once: Cell<usize>,
    /// The most calls that the system has refused in one message.
    refused_at_once: Cell<usize>,
}

impl Transport for Machine {
    type ResponseFuture = <ScriptedTransport as Transport>::ResponseFuture;

    fn send(&self, request: &Rc<Request>, wait: Wait) -> Result<Self::ResponseFuture, Reason> {
        let available = self.0.script.affordable.get() as u128;
        if request.cycles > available {
            return Err(Reason::cycles(request.cycles, available));
        }
        self.0.script.send(request, wait)
    }

    fn limits(&self, request: &Request) -> Limits {
        let open = self.0.script.open().len() as u128;
        let limits = self.0.script.limits(request);
        Limits {
            liquid_cycles: limits.liquid_cycles.saturating_sub(open),
            cycles_per_call: limits.cycles_per_call.saturating_add(request.cycles),
            ..limits
        }
    }

    fn is_stopping(&self) -> bool {
        self.0.script.is_stopping()
    }

    fn now(&self) -> Duration {
        self.0.script.now()
    }

    async fn pause(&self, wait: Duration) -> Result<(), Reason> {
        self.0.script.pause(wait).await
    }

    fn slots(&self, callee: Principal) -> Rc<Slots> {
        self.0.script.slots(callee)
    }
}

impl Runtime for Machine {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()>>>) {
        self.0.tasks.borrow_mut().push(task);
    }

    fn run_after(&self, delay: Duration, task: Box<dyn FnOnce()>) {
        self.0.timers.borrow_mut().push((self.now() + delay, task));
    }
}

impl Machine {
    pub fn new(slots: usize, affordable: usize) -> Self {
        let script = ScriptedTransport::new(slots, affordable);
        script.now.set(Duration::from_secs(1_000_000));
        Self(Rc::new(MachineState {
            script,
            tasks: RefCell::default(),
            timers: RefCell::default(),
            sent_at_once: Cell::default(),
            refused_at_once: Cell::default(),
        }))
    }

    pub fn script(&self) -> &ScriptedTransport {
        &self.0.script
    }

    pub fn has_no_timer(&self) -> bool {
        self.0.timers.borrow().is_empty()
    }

    pub fn sent_at_once(&self) -> usize {
        self.0.sent_at_once.get()
    }

    pub fn refused_at_once(&self) -> usize {
        self.0.refused_at_once.get()
    }

    /// Executes one message of the canister.
    pub fn message(&self, action: impl FnOnce()) {
        let before = self.0.script.sent.borrow().len();
        let refused_before = self.0.script.refused.get();
        action();
        self.poll_tasks();
        let sent = self.0.script.sent.borrow().len() - before;
        let refused = self.0.script.refused.get() - refused_before;
        self.0.refused_at_once.set(self.0.refused_at_once.get().max(refused));
        self.0.sent_at_once.set(self.0.sent_at_once.get().max(sent));
    }

    pub fn poll_tasks(&self) {
        let mut waiting = Vec::new();
        loop {
            let tasks = self.0.tasks.take();
            if tasks.is_empty() {
                break;
            }
            for mut task in tasks {
                if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                    waiting.push(task);
                }
            }
        }
        self.0.tasks.borrow_mut().extend(waiting);
    }

    /// Runs the timers that are due, each in a message of its own.
    pub fn run_timers(&self) {
        loop {
            let now = self.now();
            let due = {
                let mut timers = self.0.timers.borrow_mut();
                let place = timers.iter().position(|(due, _)| *due <= now);
                place.map(|place| timers.swap_remove(place).1)
            };
            let Some(task) = due else { return };
            self.message(task);
            assert!(self.0.timers.borrow().len() < 10, "timers pile up");
        }
    }

    pub fn wait(&self, time: Duration) {
        self.0.script.now.set(self.now() + time);
        self.run_timers();
    }

    pub fn respond(&self, call: usize, result: Result<Vec<u8>, Reason>) {
        self.message(|| self.0.script.respond(call, result));
    }

    /// Responds to the open calls, and lets time pass, until nothing happens any more.
    pub fn finish(&self, mut response: impl FnMut(&Request) -> Result<Vec<u8>, Reason>) {
        for _ in 0..100_000 {
            self.run_timers();
            if let Some(call) = self.0.script.open().first().copied() {
                let request = self.0.script.sent.borrow()[call].clone();
                self.respond(call, response(&request));
            } else if self.0.timers.borrow().is_empty() {
                return;
            } else {
                self.wait(Duration::from_secs(1));
            }
        }
        panic!("the outbox does not finish");
    }

    /// Ends the program, as a forced upgrade does: nothing is dropped, and nobody takes the responses to open calls.
    pub fn end_program(&self) {
        self.0.tasks.take().into_iter().for_each(std::mem::forget);
        self.0.timers.take();
        for call in self.0.script.open() {
            self.0.script.respond(call, Ok(Vec::new()));
        }
    }

    /// The callback of a call traps, which ends all tasks.
    pub fn trap_in(&self, call: usize) {
        self.0.script.respond(call, Ok(Vec::new()));
        self.message(|| drop(self.0.tasks.take()));
        for call in self.0.script.open() {
            self.0.script.respond(call, Ok(Vec::new()));
        }
    }

    /// The arguments of all calls that were sent.
    pub fn sent(&self) -> Vec<u64> {
        self.0.script.sent.borrow().iter().map(|request| argument_of(request)).collect()
    }
}
