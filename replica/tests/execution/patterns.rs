//! Scripts that several tests use.

use candid::Principal;
use test_support::script::{Call, Script, call, numbers, script};

/// A call that is replied to at once.
pub fn pong(callee: Principal) -> Call {
    call(callee).running(script().reply("pong"))
}

/// Calls one after the other: each is sent when the one before has its response. The reply is the
/// number of calls.
pub fn sequential_calls(callee: Principal, count: u64) -> Script {
    let (left, done, next) = (0, 1, 2);
    let answered = script()
        .count(done)
        .count_down(left)
        .when(script().run(next))
        .load(left)
        .unless(script().load(done).reply_number());
    let one = script().call(pong(callee).on_response(answered));
    script().put(done, 0).put(left, count).keep(next, one).run(next)
}

/// Calls all at once. The reply is how many were made and, of them, how many were replied to and
/// rejected.
pub fn parallel_calls(call: Call, count: u64) -> Script {
    let (made, replied, rejected, open) = (0, 1, 2, 3);
    let report = script()
        .load(made)
        .append_acc()
        .load(replied)
        .append_acc()
        .load(rejected)
        .append_acc()
        .reply_appended();
    let last = script().count_down(open).unless(report.clone());
    let one = script()
        .call(
            call.on_reply(script().count(replied).run(4))
                .on_reject(script().count(rejected).run(4)),
        )
        .unless(script().count(made).count(open));
    let clear = script().put(made, 0).put(replied, 0).put(rejected, 0).put(open, 0);
    clear.keep(4, last).repeat(count, one).load(open).unless(report)
}

/// What [`parallel_calls`] reported.
pub fn parallel_report(reply: &[u8]) -> [u64; 3] {
    numbers(reply).try_into().expect("three numbers")
}

/// The cell that opens a gate.
const GATE: u64 = 40;

/// Answers only once the gate is open, a canister on another subnet, which is asked again and again.
pub fn wait_for(gate: Principal, then: Script) -> Script {
    let (ask, proceed) = (41, 42);
    let asked = script().take().when(script().run(proceed)).take().unless(script().run(ask));
    let question = call(gate).running(script().load(GATE).reply_number()).on_reply(asked);
    script().keep(proceed, then).keep(ask, script().call(question)).run(ask)
}

/// Opens a gate.
pub fn open_gate() -> Script {
    script().put(GATE, 1).reply("open")
}
