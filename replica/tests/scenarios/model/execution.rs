//! Executions in the model.

use super::round::Input;
use super::*;
use crate::encode::TOIL_INSTRUCTIONS;

const MESSAGE_INSTRUCTIONS: u64 = 40_000_000_000;
const SYSTEM_MESSAGE_INSTRUCTIONS: u64 = 50_000_000_000;

/// An execution on its way: what it works on counts when it succeeds.
struct Running<'a> {
    entry: Entry,
    /// When it began.
    now: u64,
    /// Instructions of its toil, and how many there may be.
    toil: u64,
    most_toil: u64,
    answered: bool,
    available: u128,
    balance: u128,
    accepted: u128,
    cells: [u64; CELLS],
    stable: u64,
    /// With the bytes of their requests.
    calls: Vec<(&'a Call, usize)>,
    answer: Option<Result<usize, u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Update,
    Query,
    Callback,
    Cleanup,
}

impl<'a> Model<'a> {
    /// What an action calls.
    pub(super) fn called(&self, action: usize) -> (Method, &'a Body) {
        let actions = self.actions;
        let Action::Call { method, body, .. } = &actions[action] else {
            unreachable!("this is a call")
        };
        (*method, body)
    }

    /// Makes an execution count that has begun.
    pub(super) fn finish_input(&mut self, index: usize, begun: Begun) {
        match &begun.input {
            Input::Ingress(action) => {
                let (method, body) = self.called(*action);
                self.execute_call(index, Origin::User(*action), method, body, 0, &begun);
            }
            Input::Request(request) => {
                let call = Rc::clone(&request.call);
                let nothing = Body::default();
                let body = match &call.argument {
                    Argument::Body(body) => body,
                    Argument::Zeros(_) => &nothing,
                };
                let (origin, cycles) = (Origin::Canister(request.clone()), call.cycles.into());
                self.execute_call(index, origin, call.method, body, cycles, &begun);
            }
            Input::Response(response) => self.execute_response(index, response, &begun),
        }
    }

    fn execute_call(
        &mut self,
        index: usize,
        origin: Origin,
        method: Method,
        body: &Body,
        cycles: u128,
        begun: &Begun,
    ) {
        let id = self.canisters[index].next_context;
        let context = Context { origin, answered: false, available: cycles, deleted: false };
        let what = match &context.origin {
            Origin::User(action) => What::Ingress(*action),
            Origin::Canister(request) => What::Request(request.caller, request.number),
        };
        self.canisters[index].contexts.insert(id, context);
        let entry = if method == Method::Ask { Entry::Query } else { Entry::Update };
        let mut running = self.begin(index, id, entry, begun);
        let result = match begun.refused {
            Some(code) => Err(code),
            None if method == Method::Size => {
                running.answer = Some(Ok(8));
                Ok(())
            }
            None => {
                running.see(0, 0);
                self.run(index, &mut running, &body.0)
            }
        };
        if begun.refused.is_none() {
            self.canisters[index].next_context += 1;
        }
        if method == Method::Ask {
            running.cells = self.canisters[index].cells;
            running.stable = self.canisters[index].stable;
        }
        if begun.prepaid > 0 {
            let fee = EXECUTION_FEE + u128::from(begun.cost.instructions);
            self.canisters[index].balance += begun.prepaid - fee;
            running.balance += begun.prepaid - fee;
        }
        self.conclude(index, id, what, result, running);
    }

    /// What a call of the method takes from the canister's balance beforehand.
    pub(super) fn prepaid(&self, index: usize, method: Method) -> u128 {
        let is_query = self.canisters[index].installed && method == Method::Ask;
        self.fee(index, if is_query { QUERY_PREPAID } else { PREPAID })
    }

    /// Whether a call can be executed: it can be paid for, and there is something to execute.
    pub(super) fn check_callable(&self, index: usize, method: Method) -> Result<(), u16> {
        let canister = &self.canisters[index];
        if canister.balance < self.prepaid(index, method) {
            return Err(207);
        }
        self.check_running(index)?;
        if !canister.installed {
            return Err(537);
        }
        if method == Method::Nope { Err(536) } else { Ok(()) }
    }

    fn execute_response(&mut self, index: usize, response: &Response, begun: &Begun) {
        let Cost { instructions, text, .. } = begun.cost;
        let bytes = response.result.unwrap_or(text) as u128;
        let unsent = self.fee(index, (RESPONSE_BYTES_MAX - bytes) * BYTE_FEE);
        let spent = EXECUTION_FEE + u128::from(instructions);
        let unspent = self.fee(index, PREPAID.saturating_sub(spent));
        let canister = &mut self.canisters[index];
        let callback = canister.callbacks.remove(&response.number).expect("it was awaited");
        canister.balance += response.refund + unsent;
        let reject = response.result.err();
        let what = What::Response(response.number, reject, response.refund);
        let id = callback.context;
        let mut running = self.begin(index, id, Entry::Callback, begun);
        let canister = &self.canisters[index];
        // Callbacks of code that is gone do not run; those of replaced code find nothing to do.
        let nothing = Body::default();
        let (gone, stale) =
            (canister.contexts[&id].deleted, canister.generation != callback.generation);
        let body = match reject {
            None => &callback.call.on_reply,
            Some(_) => &callback.call.on_reject,
        };
        let body = if gone || stale { &nothing } else { body };
        if !gone && !stale {
            running.see(reject.map_or(0, u64::from), response.refund as u64);
        }
        let mut result = self.run(index, &mut running, &body.0);
        if let (Err(_), Some(cleanup)) = (result, &callback.call.on_cleanup) {
            let mut cleaning = self.begin(index, id, Entry::Cleanup, begun);
            cleaning.cells[4] = cleaning.cells[4].wrapping_add(begun.now);
            if self.run(index, &mut cleaning, &cleanup.0).is_ok() {
                self.canisters[index].balance = cleaning.balance;
                self.canisters[index].cells = cleaning.cells;
                self.canisters[index].stable = cleaning.stable;
            }
        }
        running.balance += unspent;
        self.canisters[index].balance += unspent;
        if gone {
            result = Ok(());
        }
        self.conclude(index, id, what, result, running);
    }

    fn begin<'b>(&self, index: usize, context: u64, entry: Entry, begun: &Begun) -> Running<'b> {
        let canister = &self.canisters[index];
        let context = &canister.contexts[&context];
        let most_toil = match self.subnets[canister.subnet].facts.system {
            true => SYSTEM_MESSAGE_INSTRUCTIONS,
            false => MESSAGE_INSTRUCTIONS,
        };
        Running {
            entry,
            now: begun.now,
            toil: 0,
            // A twentieth of a callback's instructions is for the cleanup.
            most_toil: if entry == Entry::Callback { most_toil / 20 * 19 } else { most_toil },
            answered: context.answered,
            available: context.available,
            balance: canister.balance,
            accepted: 0,
            cells: canister.cells,
            stable: canister.stable,
            calls: Vec::new(),
            answer: None,
        }
    }

    fn run<'b>(
        &self,
        index: usize,
        running: &mut Running<'b>,
        steps: &'b [Step],
    ) -> Result<(), u16> {
        for step in steps {
            match step {
                Step::Count { tag, stable } => {
                    running.cells[0] = running.cells[0].wrapping_add(*tag);
                    if *stable {
                        running.stable = running.stable.wrapping_add(*tag);
                    }
                }
                Step::Accept(most) => {
                    let taken = running.available_now().min(u128::from(*most));
                    running.available -= taken;
                    running.balance += taken;
                    running.accepted += taken;
                }
                Step::Burn { keep } => {
                    let most = (running.balance as u64).wrapping_sub(*keep);
                    running.balance -= running.balance.min(most.into());
                }
                Step::Toil { times } => running.toil(*times)?,
                Step::Call(call) => {
                    let (method, bytes) = encode::request(call, self.ids);
                    for _ in 0..call.times {
                        self.call(index, running, call, method.len() + bytes)?;
                    }
                }
                Step::Reply { bytes } => running.answer_with(Ok(*bytes as usize))?,
                Step::Reject => running.answer_with(Err(CANISTER_REJECT))?,
                Step::Trap => return Err(503),
                Step::Unreachable => return Err(502),
            }
        }
        Ok(())
    }

    fn call<'b>(
        &self,
        index: usize,
        running: &mut Running<'b>,
        call: &'b Call,
        bytes: usize,
    ) -> Result<(), u16> {
        running.check_may_call()?;
        let cycles = u128::from(call.cycles);
        if cycles > running.balance {
            return Err(504);
        }
        let to = self.ids.of(call.to);
        let open = self.canisters[index].callbacks.values().filter(|callback| callback.to == to);
        let made = running.calls.iter().filter(|(call, _)| self.ids.of(call.to) == to);
        let price = PREPAID + CALL_FEE + (bytes as u128 + RESPONSE_BYTES_MAX) * BYTE_FEE;
        let price = self.fee(index, price);
        if open.count() + made.count() >= CAPACITY || running.balance - cycles < price {
            return self.run(index, running, &call.refused.0);
        }
        running.balance -= cycles + price;
        running.calls.push((call, bytes));
        Ok(())
    }

    /// Applies the effects of an execution, or drops them, and responds to its call if it is time.
    fn conclude(
        &mut self,
        index: usize,
        id: u64,
        what: What,
        result: Result<(), u16>,
        running: Running<'_>,
    ) {
        let mut done =
            Done { tick: self.tick, what, error: result.err(), accepted: 0, calls: vec![] };
        let mut answer = None;
        if result.is_ok() {
            let canister = &mut self.canisters[index];
            (canister.cells, canister.stable) = (running.cells, running.stable);
            canister.balance = running.balance;
            canister.contexts.get_mut(&id).expect("it is open").available -= running.accepted;
            done.accepted = running.accepted;
            answer = running.answer.map(|answer| answer.map_err(|code| (code, 406)));
            for (call, bytes) in running.calls {
                done.calls.push(self.send(index, id, call, bytes, running.now));
            }
        }
        self.done[index].push(done);
        let open = self.canisters[index].callbacks.values().any(|callback| callback.context == id);
        let answer = match (answer, result) {
            (Some(answer), _) => Some(answer),
            (None, _) if open => None,
            (None, Ok(())) => Some(Err((CANISTER_ERROR, 506))),
            (None, Err(code)) => Some(Err((reject_code(code), code))),
        };
        if let Some(answer) = answer {
            self.answer(index, id, answer);
        }
        self.forget_context(index, id);
    }

    fn send(
        &mut self,
        index: usize,
        context: u64,
        call: &Call,
        bytes: usize,
        now: u64,
    ) -> (Principal, u128, Option<u64>) {
        let to = self.ids.of(call.to);
        let deadline = call.timeout.map(|seconds| (now + seconds.min(300) * SECOND) / SECOND);
        let canister = &mut self.canisters[index];
        let number = canister.next_callback;
        canister.next_callback += 1;
        let call = Rc::new(call.clone());
        let generation = canister.generation;
        let callback =
            Callback { context, to, call: Rc::clone(&call), generation, deadline, settled: false };
        canister.callbacks.insert(number, callback);
        let cycles = call.cycles.into();
        let request = Request { caller: index, number, to, call, bytes, deadline };
        self.push_output(index, Message::Request(request));
        (to, cycles, deadline)
    }
}

impl Running<'_> {
    /// What every body remembers before it begins.
    fn see(&mut self, reject_code: u64, refund: u64) {
        let available = self.available_now() as u64;
        for (cell, seen) in [(1, reject_code), (2, refund), (3, available), (4, self.now)] {
            self.cells[cell] = self.cells[cell].wrapping_add(seen);
        }
    }

    fn available_now(&self) -> u128 {
        if self.answered || self.answer.is_some() { 0 } else { self.available }
    }

    /// Prepares calls that are not made.
    fn toil(&mut self, times: u64) -> Result<(), u16> {
        self.check_may_call()?;
        self.toil += times * TOIL_INSTRUCTIONS;
        if self.toil > self.most_toil { Err(522) } else { Ok(()) }
    }

    fn check_may_call(&self) -> Result<(), u16> {
        if matches!(self.entry, Entry::Query | Entry::Cleanup) { Err(504) } else { Ok(()) }
    }

    fn answer_with(&mut self, answer: Result<usize, u8>) -> Result<(), u16> {
        if self.answered || self.answer.replace(answer).is_some() { Err(504) } else { Ok(()) }
    }
}
