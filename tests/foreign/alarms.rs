//! Timers by `ic-cdk-timers`: each is a call of the canister to itself.

use test_support::canisters::number;
use test_support::{Canister, Program, controller, on_every_server};

/// More timers at a time than the library calls at once.
const MANY: u128 = 260;

/// How often an alarm has rung.
fn rings_of(alarms: Canister, alarm: &str) -> u128 {
    number(&alarms.ask("rings", &format!("({alarm:?})")))
}

#[test]
fn a_timer_rings_once_and_an_interval_again_and_again() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        let pic = server.instance(1);
        let alarms = program.install(&pic, "()");
        alarms.call("once", r#"("tea", 10, variant { ring })"#);
        alarms.call("every", r#"("bus", 10, variant { ring })"#);
        alarms.wait(8);
        assert_eq!(["tea", "bus"].map(|alarm| rings_of(alarms, alarm)), [0, 0]);
        for rings in 1..=4 {
            alarms.wait(10);
            assert_eq!(["tea", "bus"].map(|alarm| rings_of(alarms, alarm)), [1, rings]);
        }
        // What was missed is made up for.
        alarms.wait(30);
        assert_eq!(rings_of(alarms, "bus"), 7);
    });
}

#[test]
fn cancelled_timers_stay_silent() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        let pic = server.instance(1);
        let alarms = program.install(&pic, "()");
        for (alarm, method) in [("tea", "once"), ("bus", "every"), ("train", "every")] {
            alarms.call(method, &format!("({alarm:?}, 10, variant {{ ring }})"));
        }
        alarms.wait(11);
        for alarm in ["bus", "tea"] {
            alarms.call("cancel", &format!("({alarm:?})"));
        }
        alarms.wait(20);
        let rings = ["tea", "bus", "train"].map(|alarm| rings_of(alarms, alarm));
        assert_eq!(rings, [1, 1, 3]);
        assert!(alarms.reject("cancel", r#"("bus")"#).reject_message.contains("no alarm bus"));
    });
}

#[test]
fn timers_call_other_canisters_on_the_same_and_on_another_subnet() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pic = server.instance(subnets);
            let alarms = program.install_on(&pic, 0, "()");
            let other = program.install_on(&pic, subnets - 1, "()");
            other.call("every", r#"("bus", 10, variant { ring })"#);
            other.wait(21);
            assert_eq!(rings_of(other, "bus"), 2);
            let copy = format!("(\"bus\", 1, variant {{ copy = principal \"{}\" }})", other.id);
            alarms.call("once", &copy);
            alarms.wait(2);
            assert_eq!(rings_of(alarms, "bus"), 2);
        }
    });
}

#[test]
fn a_timer_that_traps_leaves_no_trace_and_no_other_timer_suffers() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        let pic = server.instance(1);
        let alarms = program.install(&pic, "()");
        for (alarm, action) in [("tea", "ring"), ("broken", "trap"), ("bus", "ring")] {
            alarms.call("every", &format!("({alarm:?}, 10, variant {{ {action} }})"));
        }
        alarms.wait(11);
        alarms.wait(10);
        let rings = ["tea", "broken", "bus"].map(|alarm| rings_of(alarms, alarm));
        assert_eq!(rings, [2, 0, 2]);
    });
}

#[test]
fn hundreds_of_timers_that_are_due_at_once_all_ring() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        let pic = server.instance(1);
        let alarms = program.install(&pic, "()");
        for number in 0..MANY {
            alarms.call("once", &format!("(\"swarm {}\", 1_000, variant {{ ring }})", number % 3));
        }
        alarms.wait(1_001);
        let rings: u128 = (0..3).map(|swarm| rings_of(alarms, &format!("swarm {swarm}"))).sum();
        assert_eq!(rings, MANY);
    });
}

#[test]
fn an_upgrade_forgets_all_timers_but_those_it_sets() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        let pic = server.instance(1);
        let alarms = program.install(&pic, "()");
        alarms.call("every", r#"("bus", 10, variant { ring })"#);
        alarms.wait(3_601);
        assert_eq!(rings_of(alarms, "noon"), 1);
        assert!(rings_of(alarms, "bus") > 0);
        alarms.upgrade("()").expect("the upgrade succeeds");
        alarms.wait(3_601);
        assert_eq!(["noon", "bus"].map(|alarm| rings_of(alarms, alarm)), [1, 0]);
    });
}

#[test]
fn timers_wait_while_their_canister_is_stopped() {
    let program = Program::rust("alarms");
    on_every_server(|server| {
        let pic = server.instance(1);
        let alarms = program.install(&pic, "()");
        alarms.call("once", r#"("tea", 10, variant { ring })"#);
        pic.stop_canister(alarms.id, Some(controller())).expect("a controller may do that");
        alarms.wait(20);
        pic.start_canister(alarms.id, Some(controller())).expect("a controller may do that");
        pic.tick();
        assert_eq!(rings_of(alarms, "tea"), 1);
    });
}
