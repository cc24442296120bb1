//! What Motoko canisters do by themselves: timers and heartbeats.

use test_support::Canister;
use test_support::canisters::number;

use crate::motoko::with_each_compiler;

/// How often timers have rung.
pub fn rings(clock: Canister) -> u128 {
    beats_and_rings(clock)[1]
}

/// How often the heartbeat has beaten and timers have rung.
fn beats_and_rings(clock: Canister) -> [u128; 2] {
    let reply = clock.ask("beats_and_rings", "()");
    let (beats, rings) = reply.split_once(", ").expect("two numbers");
    [beats, rings].map(number)
}

#[test]
fn a_motoko_heartbeat_beats_once_a_round() {
    with_each_compiler("clock", |server, program| {
        let pic = server.instance(1);
        let clock = program.install(&pic, "()");
        let [before, _] = beats_and_rings(clock);
        for _ in 0..7 {
            pic.tick();
        }
        assert_eq!(beats_and_rings(clock), [before + 7, 0]);
    });
}

#[test]
fn a_motoko_timer_rings_once_or_at_every_interval() {
    with_each_compiler("clock", |server, program| {
        let pic = server.instance(1);
        let clock = program.install(&pic, "()");
        clock.call("set_timer", "(10, false)");
        clock.wait(8);
        assert_eq!(rings(clock), 0);
        clock.wait(3);
        assert_eq!(rings(clock), 1);
        clock.wait(30);
        assert_eq!(rings(clock), 1);

        clock.call("set_timer", "(10, true)");
        for expected in 2..=5 {
            clock.wait(11);
            assert_eq!(rings(clock), expected);
        }
    });
}

#[test]
fn a_cancelled_motoko_timer_stays_silent_and_others_ring() {
    with_each_compiler("clock", |server, program| {
        let pic = server.instance(1);
        let clock = program.install(&pic, "()");
        let timers = ["(10, true)", "(10, false)", "(20, false)"]
            .map(|timer| clock.call("set_timer", timer));
        clock.call("cancel", &timers[0]);
        clock.call("cancel", &timers[1]);
        clock.wait(11);
        assert_eq!(rings(clock), 0);
        clock.wait(30);
        assert_eq!(rings(clock), 1);
    });
}

#[test]
fn a_motoko_timer_that_traps_undoes_what_came_after_its_last_call() {
    with_each_compiler("clock", |server, program| {
        let pic = server.instance(2);
        let [clock, other] = [0, 1].map(|subnet| program.install_on(&pic, subnet, "()"));
        clock.call("set_trap", &format!("(5, service \"{}\")", other.id));
        clock.call("set_timer", "(10, true)");
        clock.wait(6);
        assert_eq!(rings(clock), 100);
        clock.wait(5);
        assert_eq!(rings(clock), 101);
    });
}
