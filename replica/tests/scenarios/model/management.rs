//! The management canister in the model, and how a call context gets its response and ends.

use super::*;

impl Model<'_> {
    pub(super) fn execute_management(&mut self, subnet: usize) {
        while let Some(origin) = self.next_management_call(subnet) {
            match origin {
                Origin::User(action) => {
                    let Action::Manage { canister, what } = self.actions[action] else {
                        unreachable!("this is a management call")
                    };
                    if let Some(result) = self.manage(action, canister, what) {
                        self.answers.insert(action, (self.tick, result.map(|()| EMPTY_REPLY)));
                    }
                }
                Origin::Canister(request) => {
                    let response = match request.call.to {
                        Target::Random => {
                            answered(&request, Ok(RANDOM_REPLY), request.call.cycles.into())
                        }
                        _ => self.deposit(request),
                    };
                    self.subnets[subnet].responses.push_back(response);
                }
            }
        }
    }

    /// The next call that is not about a canister in the middle of something. Deposits need not wait
    /// for one that is to begin anew.
    fn next_management_call(&mut self, subnet: usize) -> Option<Origin> {
        let mut waiting = std::mem::take(&mut self.subnets[subnet].management);
        let can_be_executed = |origin: &Origin| match origin {
            Origin::User(action) => match self.actions[*action] {
                Action::Manage { canister, .. } => self.canisters[canister].paused.is_none(),
                _ => unreachable!("this is a management call"),
            },
            Origin::Canister(Request { call, .. }) => {
                let Target::Deposit(to) = call.to else { return true };
                let to = self.find(self.ids.beneficiary(to)).map(|to| &self.canisters[to].paused);
                !matches!(to, Some(Some(Paused { done: 1.., .. })))
            }
        };
        let next = waiting.next(can_be_executed);
        self.subnets[subnet].management = waiting;
        next
    }

    fn deposit(&mut self, request: Request) -> Response {
        let Target::Deposit(to) = request.call.to else { unreachable!("this is a deposit") };
        let cycles = u128::from(request.call.cycles);
        match self.find(self.ids.beneficiary(to)) {
            Some(to) => {
                self.canisters[to].balance += cycles;
                answered(&request, Ok(EMPTY_REPLY), 0)
            }
            None => answered(&request, Err(DESTINATION_INVALID), cycles),
        }
    }

    fn manage(&mut self, action: usize, index: usize, what: Manage) -> Option<Result<(), u16>> {
        if !self.canisters[index].exists {
            return Some(Err(301));
        }
        let expiry = self.now + LIFETIME_SECONDS * SECOND;
        let canister = &mut self.canisters[index];
        match what {
            Manage::Stop => {
                match &mut canister.status {
                    Status::Stopped => return Some(Ok(())),
                    Status::Stopping(waiting) => waiting.push((action, expiry)),
                    status => *status = Status::Stopping(vec![(action, expiry)]),
                }
                return None;
            }
            Manage::Start => {
                let status = std::mem::replace(&mut canister.status, Status::Running);
                if let Status::Stopping(waiting) = status {
                    for (waiting, _) in waiting {
                        self.answers.insert(waiting, (self.tick, Err(511)));
                    }
                }
            }
            Manage::Install | Manage::Reinstall | Manage::Upgrade => {
                return Some(self.install(index, what));
            }
            Manage::Uninstall => self.uninstall(index),
            Manage::Delete => {
                let idle = canister.ingress.is_empty()
                    && canister.input.values().all(VecDeque::is_empty)
                    && canister.output.values().all(VecDeque::is_empty);
                if canister.status != Status::Stopped {
                    return Some(Err(510));
                }
                if !idle {
                    return Some(Err(203));
                }
                canister.exists = false;
                canister.installed = false;
            }
        }
        Some(Ok(()))
    }

    fn install(&mut self, index: usize, what: Manage) -> Result<(), u16> {
        let prepaid = self.fee(index, INSTALL_PREPAID);
        let system = self.subnets[self.canisters[index].subnet].facts.system;
        let canister = &mut self.canisters[index];
        if canister.balance < prepaid {
            return Err(207);
        }
        canister.balance -= self.costs.installation(index);
        match (what, canister.installed) {
            (Manage::Install, true) => return Err(514),
            // Code is small here, so each round credits all that was installed.
            _ if canister.installed_at == Some(self.tick) && !system => return Err(209),
            (Manage::Upgrade, false) => return Err(537),
            _ => {}
        }
        canister.installed = true;
        canister.installed_at = Some(self.tick);
        canister.generation += 1;
        canister.cells = [0; CELLS];
        if what != Manage::Upgrade {
            canister.stable = 0;
        }
        Ok(())
    }

    pub(super) fn uninstall(&mut self, index: usize) {
        let canister = &mut self.canisters[index];
        canister.installed = false;
        let open: Vec<u64> = canister.contexts.keys().copied().collect();
        for id in open {
            let context = self.canisters[index].contexts.get_mut(&id).expect("it is open");
            context.deleted = true;
            self.answer(index, id, Err((CANISTER_REJECT, 406)));
            self.forget_context(index, id);
        }
    }

    /// Answers a call context, unless that has happened.
    pub(super) fn answer(&mut self, index: usize, context: u64, result: Result<usize, (u8, u16)>) {
        let canister = &mut self.canisters[index];
        let context = canister.contexts.get_mut(&context).expect("it is open");
        if context.answered {
            return;
        }
        context.answered = true;
        let refund = std::mem::take(&mut context.available);
        match context.origin.clone() {
            Origin::User(action) => {
                self.answers.insert(action, (self.tick, result.map_err(|(_, code)| code)));
            }
            Origin::Canister(request) => {
                let response = answered(&request, result.map_err(|(code, _)| code), refund);
                self.push_output(index, Message::Response(response));
            }
        }
    }

    /// Removes a context that has responded and has no open calls.
    pub(super) fn forget_context(&mut self, index: usize, id: u64) {
        let canister = &mut self.canisters[index];
        let open = canister.callbacks.values().any(|callback| callback.context == id);
        if !open && canister.contexts[&id].answered {
            canister.contexts.remove(&id);
        }
    }

    pub(super) fn push_output(&mut self, index: usize, message: Message) {
        let now = self.seconds();
        let (to, expiry) = match &message {
            Message::Request(request) => {
                (request.to, Some(request.deadline.unwrap_or(now + LIFETIME_SECONDS)))
            }
            Message::Response(response) => (self.canisters[response.caller].id, response.deadline),
        };
        self.canisters[index].output.entry(to).or_default().push_back((message, expiry));
    }
}
