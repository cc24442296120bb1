//! The beginning of a round in the model: expired messages are dropped, and new messages come in.

use super::round::Input;
use super::*;

impl Model<'_> {
    pub(super) fn time_out(&mut self, subnet: usize) {
        let now = self.seconds();
        for index in self.on(subnet) {
            // Requests that were never sent come back, in the order of their deadlines.
            let (mut unsent, mut dropped) = (Vec::new(), Vec::new());
            let canister = &mut self.canisters[index];
            for queue in canister.output.values_mut() {
                for (message, expiry) in std::mem::take(queue) {
                    match (message, expiry) {
                        (Message::Request(request), Some(at)) if at < now => {
                            unsent.push((at, request))
                        }
                        (Message::Response(response), Some(at)) if at < now => {
                            dropped.push((response.caller, response.refund));
                        }
                        kept => queue.push_back(kept),
                    }
                }
            }
            for queue in canister.input.values_mut() {
                queue.retain(|message| match message {
                    Message::Request(request) if request.deadline.is_some_and(|at| at < now) => {
                        dropped.push((request.caller, request.call.cycles.into()));
                        false
                    }
                    _ => true,
                });
            }
            for senders in &mut canister.senders {
                senders.retain(|sender| {
                    canister.input.get(sender).is_some_and(|queue| !queue.is_empty())
                });
            }
            for (caller, cycles) in dropped.into_iter().filter(|(_, cycles)| *cycles > 0) {
                *self.subnets[subnet].refunds.entry(caller).or_default() += cycles;
            }
            unsent.sort_by_key(|(at, request)| (*at, request.number));
            for (_, request) in unsent {
                let local = self.is_on(subnet, request.to);
                self.return_to(rejected(&request, SYS_TRANSIENT), local);
            }
            let canister = &self.canisters[index];
            let mut late: Vec<(u64, u64)> = canister
                .callbacks
                .iter()
                .filter(|(_, callback)| !callback.settled)
                .filter_map(|(number, callback)| {
                    Some((callback.deadline.filter(|at| *at < now)?, *number))
                })
                .collect();
            late.sort();
            for (_, number) in late {
                let callback = &self.canisters[index].callbacks[&number];
                let (from, deadline) = (callback.to, callback.deadline);
                let result = Err(SYS_UNKNOWN);
                let response =
                    Response { caller: index, number, from, refund: 0, result, deadline };
                let local = self.is_on(subnet, from);
                self.return_to(response, local);
            }
        }
    }

    /// Drops what waits for the management canister, and its responses, once nobody waits for them.
    pub(super) fn time_out_management(&mut self, subnet: usize) {
        let now = self.seconds();
        let is_late = |deadline: Option<u64>| deadline.is_some_and(|at| at < now);
        let subnet = &mut self.subnets[subnet];
        let late = subnet.management.give_up(|origin| match origin {
            Origin::User(_) => false,
            Origin::Canister(request) => is_late(request.deadline),
        });
        let mut dropped = Vec::new();
        for origin in late {
            let Origin::Canister(request) = origin else { unreachable!("it is a request") };
            dropped.push((request.caller, u128::from(request.call.cycles)));
        }
        subnet.responses.retain(|response| {
            if is_late(response.deadline) {
                dropped.push((response.caller, response.refund));
            }
            !is_late(response.deadline)
        });
        for (caller, cycles) in dropped.into_iter().filter(|(_, cycles)| *cycles > 0) {
            *subnet.refunds.entry(caller).or_default() += cycles;
        }
    }

    pub(super) fn return_response(&mut self, response: Response) {
        let canister = &self.canisters[response.caller];
        let subnet = canister.subnet;
        let local = match canister.callbacks.get(&response.number) {
            Some(Callback { call, .. }) if is_management(call.to) => {
                self.destination(response.caller, call.to) == Some(subnet)
            }
            _ => self.is_on(subnet, response.from),
        };
        self.return_to(response, local);
    }

    /// Puts a response into its caller's queue; if nobody waits for it, only its refund counts.
    fn return_to(&mut self, response: Response, local: bool) {
        let canister = &mut self.canisters[response.caller];
        if !canister.exists {
            return;
        }
        match canister.callbacks.get_mut(&response.number) {
            Some(callback) if !callback.settled => {
                callback.settled = true;
                let from = response.from;
                self.push_input(response.caller, from, Message::Response(response), local);
            }
            _ => canister.balance += response.refund,
        }
    }

    pub(super) fn is_on(&self, subnet: usize, peer: Principal) -> bool {
        self.find(peer).is_some_and(|peer| self.canisters[peer].subnet == subnet)
    }

    fn push_input(&mut self, to: usize, from: Principal, message: Message, local: bool) {
        let canister = &mut self.canisters[to];
        let queue = canister.input.entry(from).or_default();
        queue.push_back(message);
        if queue.len() == 1 {
            canister.senders[usize::from(!local)].push_back(from);
        }
    }

    pub(super) fn induct_streams(&mut self, subnet: usize) {
        let mut rejects = Vec::new();
        for message in std::mem::take(&mut self.subnets[subnet].loopback) {
            rejects.extend(self.induct(subnet, message));
        }
        rejects.into_iter().for_each(|response| self.return_response(response));

        let sources: Vec<usize> =
            (0..self.subnets.len()).filter(|source| *source != subnet).collect();
        let limits: Vec<usize> =
            (0..self.subnets.len()).map(|source| self.limit(subnet, source)).collect();
        for source in &sources {
            for signal in std::mem::take(&mut self.stream(*source, subnet).signals) {
                self.stream(subnet, *source).messages.pop_front();
                if let Some(response) = signal {
                    self.return_response(response);
                }
            }
        }
        let mut slices = self.take_slices(subnet, &limits);
        for source in sources {
            for message in slices.remove(&source).into_iter().flatten() {
                let reject = self.induct(subnet, message);
                self.stream(subnet, source).signals.push(reject);
            }
        }
    }

    /// How many messages a subnet takes from another one at once, at the beginning of a round. The first
    /// subnet takes few if it is a system subnet; other system subnets do so from application subnets.
    fn limit(&mut self, subnet: usize, source: usize) -> usize {
        let (own, other) = (self.subnets[subnet].facts, self.subnets[source].facts);
        match own.system && (own.root || !other.system) {
            true => SYSTEM_MESSAGES_MAX.saturating_sub(self.stream(subnet, source).messages.len()),
            false => usize::MAX,
        }
    }

    /// What fits into a block, beginning with another subnet in each round.
    fn take_slices(&mut self, subnet: usize, limits: &[usize]) -> BTreeMap<usize, Vec<Travelling>> {
        let mut left = BLOCK_BYTES_MAX;
        let mut slices: BTreeMap<usize, Vec<Travelling>> = BTreeMap::new();
        let count = self.subnets.len();
        for turn in 0..count {
            let source = (self.rounds + turn) % count;
            let untaken = |sent: &&mut Sent| sent.what.is_some();
            let messages = self.stream(source, subnet).messages.iter_mut().filter(untaken);
            for sent in messages.take(limits[source]) {
                if sent.bytes + MESSAGE_BYTES > left {
                    break;
                }
                left -= sent.bytes + MESSAGE_BYTES;
                slices.entry(source).or_default().extend(sent.what.take());
            }
        }
        slices
    }

    pub(super) fn stream(&mut self, from: usize, to: usize) -> &mut Stream {
        self.streams.entry((from, to)).or_default()
    }

    /// Takes in a message from a stream, or returns the reject for it.
    fn induct(&mut self, subnet: usize, message: Travelling) -> Option<Response> {
        let message = match message {
            Travelling::Message(message) => message,
            Travelling::Refund(to, cycles) => {
                self.canisters[to].balance += cycles;
                return None;
            }
        };
        match message {
            Message::Response(response) => self.return_response(response),
            Message::Request(request) if request.to == Principal::management_canister() => {
                let caller = request.caller;
                let group = match self.is_on(subnet, self.canisters[caller].id) {
                    true => waiting::LOCAL,
                    false => waiting::REMOTE,
                };
                self.subnets[subnet].management.push(group, caller, Origin::Canister(request));
            }
            Message::Request(request) => match self.refusal(&request) {
                Some(code) => return Some(rejected(&request, code)),
                None => self.push_request(request),
            },
        }
        None
    }

    /// Why the receiver cannot take a request.
    pub(super) fn refusal(&self, request: &Request) -> Option<u8> {
        let Some(index) = self.find(request.to) else { return Some(DESTINATION_INVALID) };
        if self.check_running(index).is_err() {
            return Some(CANISTER_ERROR);
        }
        let receiver = &self.canisters[index];
        let sender = self.canisters[request.caller].id;
        let queued = receiver.input.get(&sender).into_iter().flatten();
        let requests = queued.filter(|message| matches!(message, Message::Request(_))).count();
        let open = receiver.contexts.values().filter(|context| {
            !context.answered
                && matches!(&context.origin, Origin::Canister(r) if r.caller == request.caller)
        });
        let paused = receiver.paused.iter().filter(
            |paused| matches!(&paused.begun.input, Input::Request(r) if r.caller == request.caller),
        );
        let answered = receiver.output.get(&sender).into_iter().flatten();
        let responses =
            answered.filter(|(message, _)| matches!(message, Message::Response(_))).count();
        (requests + open.count() + paused.count() + responses >= CAPACITY).then_some(SYS_TRANSIENT)
    }

    pub(super) fn push_request(&mut self, request: Request) {
        let to = self.find(request.to).expect("the receiver is there");
        let sender = &self.canisters[request.caller];
        let (from, local) = (sender.id, sender.subnet == self.canisters[to].subnet);
        self.push_input(to, from, Message::Request(request), local);
    }

    /// Which messages of users are in the block of a round: those that their canisters can take and pay
    /// for, together with the others. Each canister's are looked at in the order in which they came, of
    /// those that came at once the last first.
    pub(super) fn take_block(&mut self, subnet: usize, now: u64) -> Vec<usize> {
        let place = |action: &usize| (self.expiry[action], self.costs.message_ids[action]);
        let mut pool = std::mem::take(&mut self.subnets[subnet].pool);
        pool.retain(|action| self.expiry[action] >= now);
        pool.sort_by_key(|action| {
            let (canister, managed) = self.subject(*action);
            let receiver = (!managed).then(|| self.canisters[canister].id);
            (receiver, self.arrival[action], std::cmp::Reverse(place(action)))
        });
        let (mut block, mut fees) = (Vec::new(), BTreeMap::new());
        pool.retain(|action| {
            let (canister, managed) = self.subject(*action);
            let fee = fees.get(&canister).unwrap_or(&0) + self.ingress_fee(canister, *action);
            let is_valid = self.canisters[canister].exists
                && (managed || self.check_running(canister).is_ok())
                && self.canisters[canister].balance >= fee;
            if is_valid {
                fees.insert(canister, fee);
                block.push(*action);
            }
            !is_valid
        });
        block.sort_by_key(place);
        self.subnets[subnet].pool = pool;
        block
    }

    /// The canister that a user's message is about, and whether the message goes to the management canister.
    fn subject(&self, action: usize) -> (usize, bool) {
        match &self.actions[action] {
            Action::Call { canister, .. } => (*canister, false),
            Action::Manage { canister, .. } => (*canister, true),
            Action::Tick | Action::Wait { .. } => unreachable!("these are no messages"),
        }
    }

    pub(super) fn induct_ingress(&mut self, subnet: usize, block: Vec<usize>) {
        for action in block {
            if let Err(code) = self.induct_one(subnet, action) {
                self.answers.insert(action, (self.tick, Err(code)));
            }
        }
        // What waits for too long fails.
        let (expiry, now) = (&self.expiry, self.now);
        let is_late = |action: &usize| expiry[action] < now;
        let late = self.subnets[subnet].management.give_up(|origin| match origin {
            Origin::User(action) => is_late(action),
            Origin::Canister(_) => false,
        });
        for origin in late {
            let Origin::User(action) = origin else { unreachable!("users' messages expire") };
            self.answers.insert(action, (self.tick, Err(202)));
        }
        for index in self.on(subnet) {
            let ingress = std::mem::take(&mut self.canisters[index].ingress);
            for action in ingress {
                match self.expiry[&action] < self.now {
                    true => drop(self.answers.insert(action, (self.tick, Err(202)))),
                    false => self.canisters[index].ingress.push_back(action),
                }
            }
        }
    }

    fn induct_one(&mut self, subnet: usize, action: usize) -> Result<(), u16> {
        let (index, managed) = self.subject(action);
        let fee = self.ingress_fee(index, action);
        if !self.canisters[index].exists {
            return Err(301);
        }
        if !managed {
            self.check_running(index)?;
        }
        self.charge(index, fee)?;
        match managed {
            true => {
                let management = &mut self.subnets[subnet].management;
                management.push(waiting::USERS, index, Origin::User(action));
            }
            false => self.canisters[index].ingress.push_back(action),
        }
        Ok(())
    }
}
