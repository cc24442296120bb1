//! How many calls are open, what waits for slots and cycles, and the work of a message.

use super::*;
use crate::slots::SlotShare;

#[test]
fn without_slots_or_cycles_entries_wait_and_lose_no_attempt() {
    for (slots, affordable, kind) in [(0, 9, ReasonKind::QueueFull), (9, 0, ReasonKind::Cycles)] {
        let (machine, _, outbox) = new(slots, affordable);
        outbox
            .enqueue(requests(5).into_iter().map(|call| call.with_retry(Retry::NEVER)))
            .expect("there is room");
        (0..100).for_each(|_| machine.wait(Duration::from_secs(1)));
        assert_eq!((outbox.status().waiting, outbox.status().waiting_for), (5, Some(kind)));
        machine.script().slots.set(9);
        machine.script().affordable.set(9);
        machine.finish(|_| Ok(Vec::new()));
        assert_eq!((outbox.status().summary.succeeded, outbox.status().waiting_for), (5, None));
    }
}

#[test]
fn a_planned_window_leaves_a_tenth_of_the_cycles_and_a_window_of_the_author_is_kept() {
    let (machine, _, outbox) = new(500, 100);
    outbox.enqueue(requests(1_000)).expect("there is room");
    machine.run_timers();
    assert_eq!(machine.script().open().len(), 90);
    machine.script().affordable.set(10_000);
    machine.wait(Duration::from_secs(60));
    machine.respond(0, Ok(Vec::new()));
    assert_eq!(machine.script().open().len(), 450);

    let (machine, _, outbox) = new(500, 100);
    let outbox = outbox.with_window(Window::of(7));
    outbox.enqueue(requests(1_000)).expect("there is room");
    machine.run_timers();
    assert_eq!(machine.script().open().len(), 7);
}

#[test]
fn the_work_of_a_message_does_not_depend_on_the_length_of_the_list() {
    let (machine, memory, outbox) = new(10_000, 100_000);
    let outbox = outbox.with_window(Window::of(10_000));
    outbox.enqueue(requests(20_000)).expect("there is room");
    machine.run_timers();
    assert!(machine.sent_at_once() <= 501, "{}", machine.sent_at_once());
    machine.end_program();
    drop(outbox);
    let outbox = started(&machine, &memory);
    machine.finish(|_| Ok(Vec::new()));
    let summary = outbox.status().summary;
    assert_eq!((summary.attempted(), summary.succeeded + summary.unknown()), (20_000, 20_000));
}

#[test]
fn refused_calls_count_as_work_of_a_message() {
    let (machine, _, outbox) = new(0, 100_000);
    let callee = |number: u32| Principal::from_slice(&number.to_le_bytes());
    let call = |number| Request::new(callee(number), "pay").with_argument(vec![0; 8]);
    outbox.enqueue((0..3_000).map(call)).expect("there is room");
    (0..10).for_each(|_| machine.wait(Duration::from_secs(1)));
    assert!(machine.refused_at_once() <= 1_000, "{}", machine.refused_at_once());
    machine.script().slots.set(9);
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(outbox.status().summary.succeeded, 3_000);
}

#[test]
fn an_entry_that_attaches_more_cycles_than_there_are_delays_no_other() {
    let (machine, _, outbox) = new(10, 100);
    let costly = request(1, 0).with_cycles(u128::MAX);
    let affordable = request(1, 1).with_cycles(101);
    let ordered = |call: Request| Entry::from(call).in_order("account");
    let entries = [ordered(costly), ordered(request(1, 2)), affordable.into()];
    outbox.enqueue(entries).expect("there is room");
    outbox.enqueue((3..30).map(|number| request(1, number))).expect("there is room");
    for _ in 0..40 {
        machine.wait(Duration::from_secs(1));
        machine
            .script()
            .open()
            .into_iter()
            .skip(1)
            .for_each(|call| machine.respond(call, Ok(vec![])));
    }
    let mut sent = machine.sent();
    sent.sort_unstable();
    assert_eq!(sent, (3..30).collect::<Vec<u64>>());
    let status = outbox.status();
    assert_eq!((status.waiting, status.waiting_for), (3, Some(ReasonKind::Cycles)));
    machine.script().affordable.set(1_000);
    machine.wait(Duration::from_secs(20));
    assert!(machine.sent().contains(&1), "the cycles are enough now");
    outbox.cancel();
    machine.finish(|_| Ok(Vec::new()));
    let status = outbox.status();
    assert_eq!((status.waiting, status.waiting_for), (0, None));
    assert_eq!(status.summary.failed(ReasonKind::Cancelled), 2);
}

#[test]
fn a_plan_made_with_few_cycles_is_renewed_although_its_only_call_gets_no_response() {
    let (machine, _, outbox) = new(500, 1);
    outbox.enqueue(requests(100)).expect("there is room");
    machine.run_timers();
    assert_eq!(machine.sent(), [0]);
    machine.script().affordable.set(1_000);
    machine.wait(Duration::from_secs(60));
    assert_eq!(machine.sent().len(), 100);
}

#[test]
fn a_window_with_a_limit_per_callee_leaves_open_calls_to_other_callees() {
    let (machine, _, outbox) = new(500, 1_000);
    let outbox = outbox.with_window(Window::new(3, 4));
    outbox.enqueue(requests(10)).expect("there is room");
    outbox.enqueue((10..20).map(|number| request(2, number))).expect("there is room");
    machine.run_timers();
    for _ in 0..100 {
        let open = machine.script().open();
        let to_others = open.into_iter().find(|call| machine.sent()[*call] >= 10);
        if let Some(call) = to_others {
            machine.respond(call, Ok(Vec::new()));
        }
    }
    assert_eq!((outbox.status().summary.succeeded, outbox.status().open), (10, 3));
}

#[test]
fn an_entry_whose_slots_others_free_is_sent_although_an_own_call_gets_no_response() {
    let (machine, _, outbox) = new(3, 100);
    outbox.enqueue(requests(1)).expect("there is room");
    machine.run_timers();
    machine.script().hold(callee(1), 2);
    outbox.enqueue([request(1, 1)]).expect("there is room");
    machine.wait(Duration::from_secs(1));
    assert_eq!(
        (machine.sent().len(), outbox.status().waiting_for),
        (1, Some(ReasonKind::QueueFull))
    );
    machine.script().hold(callee(1), 0);
    machine.wait(Duration::from_secs(2));
    assert_eq!((machine.sent().len(), outbox.status().waiting_for), (2, None));
}

#[test]
fn a_paused_outbox_leaves_its_slots_to_windows_until_it_is_resumed() {
    let (machine, _, outbox) = new(3, 1_000);
    outbox.enqueue(requests(1_000)).expect("there is room");
    machine.run_timers();
    let slots_of_another_window = || {
        let mut share = SlotShare::new(machine.slots(callee(1)), 450);
        while share.has_slot() {
            share.note_sent();
        }
        let slots = share.open();
        (0..slots).for_each(|_| share.note_response());
        slots
    };
    assert_eq!(slots_of_another_window(), 225);
    outbox.pause();
    assert_eq!(slots_of_another_window(), 447);
    machine.respond(0, Ok(Vec::new()));
    assert_eq!(slots_of_another_window(), 448);
    outbox.resume();
    assert_eq!(slots_of_another_window(), 225);
}

#[test]
fn the_arguments_of_open_calls_have_a_bounded_sum() {
    let (machine, _, outbox) = new(500, 1_000);
    let large = |_| Request::new(callee(1), "pay").with_argument(vec![0; 2_000_000]);
    outbox.enqueue((0..50).map(large)).expect("there is room");
    machine.run_timers();
    assert_eq!(machine.script().open().len(), 34);
    machine.finish(|_| Ok(Vec::new()));
    assert_eq!(outbox.status().summary.succeeded, 50);
}
