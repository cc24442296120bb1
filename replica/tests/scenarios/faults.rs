//! Tests of the checks: each check has to find a fault that is put into the record of a network.

use crate::checks::check;
use crate::run::{Run, State, run};
use crate::scenario::{
    Action, Argument, Body, Call, Home, Method, Scenario, Step, SubnetType, Target,
};
use embedded_replica::trace::{Event, Responder, Work};

/// Two canisters on two subnets, of which one makes three calls with cycles to the other.
fn seen() -> Run {
    let answer = Body(vec![Step::Accept(400), Step::Reply { bytes: 3 }]);
    let call = Call {
        times: 3,
        to: Target::Canister(1),
        method: Method::Run,
        argument: Argument::Body(answer),
        cycles: 1_000,
        timeout: None,
        on_reply: Body::default(),
        on_reject: Body::default(),
        on_cleanup: None,
        refused: Body::default(),
    };
    let body = Body(vec![Step::Call(Box::new(call)), Step::Reply { bytes: 1 }]);
    let home = |subnet| Home { subnet, cycles: 100_000_000_000_000 };
    let run = run(&Scenario {
        subnets: vec![SubnetType::Application; 2],
        canisters: vec![home(0), home(1)],
        actions: vec![Action::Call { canister: 0, method: Method::Run, body }, Action::Tick],
    });
    assert_eq!(check(&run), [], "nothing is wrong before the fault is put in");
    run
}

/// A canister that takes three rounds for a message and, after a tick, three more for the callback.
fn seen_slowly() -> Run {
    let home = Home { subnet: 0, cycles: 100_000_000_000_000 };
    let toil = Step::Toil { times: 90 };
    let callback = Body(vec![Step::Count { tag: 1, stable: true }, toil.clone()]);
    let call = Call {
        times: 1,
        to: Target::Canister(1),
        method: Method::Run,
        argument: Argument::Body(Body(vec![Step::Reply { bytes: 3 }])),
        cycles: 0,
        timeout: None,
        on_reply: callback,
        on_reject: Body::default(),
        on_cleanup: None,
        refused: Body::default(),
    };
    let body = Body(vec![toil, Step::Call(Box::new(call)), Step::Reply { bytes: 1 }]);
    let run = run(&Scenario {
        subnets: vec![SubnetType::Application],
        canisters: vec![home, home],
        actions: vec![Action::Call { canister: 0, method: Method::Run, body }, Action::Tick],
    });
    assert_eq!(check(&run), [], "nothing is wrong before the fault is put in");
    run
}

/// Puts a fault in and tells who objects.
fn objectors(fault: impl FnOnce(&mut Run)) -> Vec<&'static str> {
    objectors_to(seen(), fault)
}

fn objectors_to(mut run: Run, fault: impl FnOnce(&mut Run)) -> Vec<&'static str> {
    fault(&mut run);
    let mut objectors: Vec<_> =
        check(&run).into_iter().map(|objection| objection.checker).collect();
    objectors.dedup();
    objectors
}

/// The places of events, by tick and number.
fn places(run: &Run, is_it: impl Fn(&Event) -> bool) -> Vec<(usize, usize)> {
    let ticks = run.ticks.iter().enumerate();
    let places = ticks.flat_map(|(tick, seen)| {
        seen.events.iter().enumerate().map(move |(at, event)| ((tick, at), event))
    });
    places.filter(|(_, event)| is_it(event)).map(|(place, _)| place).collect()
}

fn remove(run: &mut Run, is_it: impl Fn(&Event) -> bool) {
    let (tick, at) = places(run, is_it)[0];
    run.ticks[tick].events.remove(at);
}

fn duplicate(run: &mut Run, is_it: impl Fn(&Event) -> bool) {
    let (tick, at) = places(run, is_it)[0];
    let event = run.ticks[tick].events[at].clone();
    run.ticks[tick].events.insert(at, event);
}

fn swap(run: &mut Run, is_it: impl Fn(&Event) -> bool) {
    let [(tick, one), (same, other)] = places(run, is_it)[..2] else { panic!("there are two") };
    assert_eq!(tick, same, "they are of the same tick");
    run.ticks[tick].events.swap(one, other);
}

fn change(run: &mut Run, mut fault: impl FnMut(&mut Event)) {
    run.ticks.iter_mut().flat_map(|tick| &mut tick.events).for_each(&mut fault);
}

/// A canister's state after a tick.
fn state(run: &mut Run, tick: usize, canister: usize) -> &mut State {
    let id = run.ids.canisters[canister];
    run.ticks[tick].states.get_mut(&id).expect("it is there")
}

/// Its state in the end.
fn last_state(run: &mut Run, canister: usize) -> &mut State {
    let last = run.ticks.len() - 1;
    state(run, last, canister)
}

const SLICE: fn(&Event) -> bool = |event| matches!(event, Event::Slice { .. });
const RETURNED: fn(&Event) -> bool = |event| matches!(event, Event::Returned { .. });
const INDUCTED: fn(&Event) -> bool = |event| matches!(event, Event::Inducted { .. });
const RESPONDED: fn(&Event) -> bool = |event| matches!(event, Event::Responded { .. });
const CALLBACK: fn(&Event) -> bool =
    |event| matches!(event, Event::Executed { work: Work::Response { .. }, .. });
const EXECUTED: fn(&Event) -> bool =
    |event| matches!(event, Event::Executed { work: Work::Request(_), .. });

#[test]
fn the_checks_find_a_response_that_is_never_made() {
    assert!(objectors(|run| remove(run, RESPONDED)).contains(&"responses"));
}

#[test]
fn the_checks_find_a_response_that_is_lost() {
    assert!(objectors(|run| remove(run, RETURNED)).contains(&"responses"));
    let lost = objectors(|run| remove(run, CALLBACK));
    assert_eq!(lost, ["responses", "slots", "cycles", "call contexts"]);
}

#[test]
fn the_checks_find_a_response_that_comes_twice() {
    assert!(objectors(|run| duplicate(run, RESPONDED)).contains(&"responses"));
    assert!(objectors(|run| duplicate(run, CALLBACK)).contains(&"responses"));
}

#[test]
fn the_checks_find_a_request_that_is_executed_twice() {
    assert!(objectors(|run| duplicate(run, EXECUTED)).contains(&"order"));
}

#[test]
fn the_checks_find_messages_in_the_wrong_order() {
    for events in [INDUCTED, EXECUTED, RETURNED, CALLBACK] {
        assert!(objectors(|run| swap(run, events)).contains(&"order"));
    }
}

#[test]
fn the_checks_find_a_queue_slot_that_is_not_given_back() {
    let leak = |run: &mut Run| {
        let callee = run.ids.canisters[1];
        last_state(run, 0).free_slots.insert(callee, 499);
    };
    assert_eq!(objectors(leak), ["slots"]);
}

#[test]
fn the_checks_find_one_queue_slot_too_many() {
    let surplus = |run: &mut Run| {
        let (caller, callee) = (run.ids.canisters[0], run.ids.canisters[1]);
        let open = run.ticks[0].states.get_mut(&caller).expect("it is there");
        assert_eq!(open.free_slots.insert(callee, 498), Some(497));
    };
    assert_eq!(objectors(surplus), ["slots"]);
}

#[test]
fn the_checks_find_one_cycle_too_many_or_too_few() {
    assert_eq!(objectors(|run| last_state(run, 0).balance += 1), ["cycles"]);
    assert_eq!(objectors(|run| last_state(run, 1).balance -= 1), ["cycles"]);
}

#[test]
fn the_checks_find_cycles_that_are_both_accepted_and_returned() {
    let return_all = |run: &mut Run| {
        change(run, |event| {
            if let Event::Responded { by: Responder::Callee, refund, .. } = event {
                *refund = 1_000;
            }
        });
    };
    assert_eq!(objectors(return_all), ["cycles"]);
    let accept_more = |run: &mut Run| {
        change(run, |event| {
            if let Event::Executed { work: Work::Request(_), accepted, .. } = event {
                *accepted = 1_001;
            }
        });
    };
    assert_eq!(objectors(accept_more), ["cycles"]);
}

#[test]
fn the_checks_find_a_call_context_that_stays_open() {
    let open = |run: &mut Run| last_state(run, 1).has_open_contexts = true;
    assert_eq!(objectors(open), ["call contexts"]);
    let callback = |run: &mut Run| last_state(run, 0).open_callbacks += 1;
    assert_eq!(objectors(callback), ["call contexts"]);
}

#[test]
fn the_checks_find_a_canister_that_does_not_come_to_rest() {
    assert_eq!(objectors(|run| last_state(run, 0).is_idle = false), ["rest"]);
    assert_eq!(objectors(|run| last_state(run, 0).is_stopping = true), ["rest"]);
    assert_eq!(objectors(|run| run.rested = false), ["rest"]);
}

#[test]
fn the_checks_find_one_slice_too_many_or_too_few() {
    assert_eq!(objectors_to(seen_slowly(), |run| duplicate(run, SLICE)), ["slices"]);
    assert_eq!(objectors_to(seen_slowly(), |run| remove(run, SLICE)), ["slices"]);
}

#[test]
fn the_checks_find_a_message_that_executes_in_the_middle_of_a_paused_one() {
    let intrude = |run: &mut Run| {
        let id = run.ids.canisters[0];
        let is_its =
            |event: &Event| matches!(event, Event::Executed { canister, .. } if *canister == id);
        let (tick, at) = places(run, is_its)[0];
        let other = run.ticks[tick].events[at].clone();
        let (tick, at) = places(run, SLICE)[1];
        run.ticks[tick].events.insert(at, other);
    };
    assert!(objectors_to(seen_slowly(), intrude).contains(&"slices"));
}

#[test]
fn the_checks_find_a_paused_message_whose_changes_show_before_its_end() {
    let show = |run: &mut Run| {
        let (tick, _) = places(run, SLICE)[1];
        let memory = state(run, tick, 0).memory.as_mut().expect("it can be asked");
        memory[0] += 1;
    };
    assert_eq!(objectors_to(seen_slowly(), show), ["slices"]);
}

#[test]
fn the_checks_find_a_prepayment_of_a_paused_message_that_returns_too_early() {
    let give_back = |run: &mut Run| {
        let (tick, _) = places(run, SLICE)[0];
        state(run, tick, 0).balance += 40_005_000_000;
    };
    assert_eq!(objectors_to(seen_slowly(), give_back), ["cycles"]);
}

#[test]
fn the_checks_find_a_queue_slot_that_a_paused_callback_keeps() {
    let keep = |run: &mut Run| {
        let callee = run.ids.canisters[1];
        let (tick, _) = places(run, SLICE)[2];
        state(run, tick, 0).free_slots.insert(callee, 499);
    };
    assert_eq!(objectors_to(seen_slowly(), keep), ["slots"]);
}

#[test]
fn the_checks_find_a_paused_message_that_never_ends() {
    assert_eq!(objectors(|run| last_state(run, 0).is_paused = true), ["slices", "rest"]);
}

#[test]
fn the_checks_find_a_wrong_report_of_whether_work_is_due() {
    assert_eq!(objectors(|run| run.ticks[0].due = false), ["rest"]);
    assert_eq!(objectors(|run| run.says_it_rests = false), ["rest"]);
}
