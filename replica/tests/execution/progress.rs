//! Instances that progress by themselves, and time that is set from outside.

use crate::script::{call, canister_with, number, script};
use crate::world::{Server, World, on_every_server};
use candid::Principal;
use pocket_ic::Time;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "{what}: it never happens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn nanos(time: Time) -> u64 {
    time.as_nanos_since_unix_epoch()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// What the canister takes for the time.
fn canister_time(world: &World) -> u64 {
    number(&world.ask(world.a, script().time().reply_number()).unwrap())
}

#[test]
fn calls_between_subnets_are_answered_without_a_tick_while_it_progresses() {
    on_every_server(|server| {
        let world = server.two_subnets();
        let one = call(world.b).running(script().reply("pong"));
        assert!(!world.pic.auto_progress_enabled());
        world.pic.auto_progress();
        assert!(world.pic.auto_progress_enabled());
        let message = world.submit(world.a, script().call(one));
        assert_eq!(world.pic.await_call_no_ticks(message).unwrap(), b"pong");
        world.pic.stop_progress();
        assert!(!world.pic.auto_progress_enabled());
    });
}

#[test]
fn real_time_passes_while_it_progresses_and_stands_still_when_it_has_stopped() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let before = now();
        world.pic.auto_progress();
        assert!(nanos(world.pic.get_time()) >= before, "it has the real time at once");
        wait_until("time passes", || nanos(world.pic.get_time()) >= before + 500_000_000);
        assert!(nanos(world.pic.get_time()) <= now());
        world.pic.stop_progress();
        let stopped = world.pic.get_time();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(world.pic.get_time(), stopped);
        // Again, and further from there.
        world.pic.auto_progress();
        wait_until("time goes on", || world.pic.get_time() > stopped);
    });
}

#[test]
fn a_timer_goes_off_by_itself_while_it_progresses() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.pic.auto_progress();
        let on_timer = script().keep(crate::script::ON_TIMER, script().put(7, 42));
        let set = on_timer.timer(nanos(world.pic.get_time()) + 200_000_000).reply("set");
        let message = world.submit(world.a, set);
        world.pic.await_call_no_ticks(message).unwrap();
        wait_until("the timer goes off", || world.cell(world.a, 7) == 42);
    });
}

#[test]
fn heartbeats_happen_while_it_progresses_though_nobody_asks_anything() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1))))"#;
        let id = crate::world::install_module(&world.pic, canister_with(heartbeat));
        world.pic.auto_progress();
        let before = world.cell(id, 9);
        std::thread::sleep(Duration::from_secs(3));
        assert!(world.cell(id, 9) >= before + 2);
    });
}

#[test]
fn an_instance_can_be_made_to_progress_from_the_start() {
    on_every_server(|server| {
        let before = now();
        let pic = server.network().with_application_subnet().with_auto_progress().build();
        assert!(pic.auto_progress_enabled());
        assert!(nanos(pic.get_time()) >= before);
        pic.stop_progress();
        pic.stop_progress();
        assert!(!pic.auto_progress_enabled(), "stopping again changes nothing");
    });
}

#[test]
fn instances_progress_independently_of_each_other() {
    on_every_server(|server| {
        let other = |server: &Server| server.network().with_application_subnet().build();
        let (one, two) = (other(server), other(server));
        one.auto_progress();
        assert!(!two.auto_progress_enabled());
        let before = two.get_time();
        let start = one.get_time();
        wait_until("time passes", || one.get_time() > start);
        assert_eq!(two.get_time(), before);
        drop(one);
        two.tick();
    });
}

#[test]
fn certified_time_is_what_queries_see_and_the_next_round_is_later() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let time = world.pic.get_time() + Duration::from_secs(1_000);
        world.pic.set_certified_time(time);
        assert_eq!(world.pic.get_time(), time);
        assert_eq!(canister_time(&world), nanos(time));
        let in_round = world.run(world.a, script().time().reply_number()).unwrap();
        assert!(number(&in_round) > nanos(time));
    });
}

#[test]
fn time_that_was_set_is_seen_from_the_next_round_on() {
    on_every_server(|server| {
        let world = server.one_subnet();
        world.pic.tick();
        let before = canister_time(&world);
        let time = world.pic.get_time() + Duration::from_secs(1_000);
        world.pic.set_time(time);
        assert_eq!(canister_time(&world), before, "no round has happened yet");
        assert_eq!(
            number(&world.run(world.a, script().time().reply_number()).unwrap()),
            nanos(time)
        );
        assert_eq!(canister_time(&world), nanos(time));
    });
}

#[test]
fn controllers_can_be_looked_up_without_a_call() {
    on_every_server(|server| {
        let world = server.one_subnet();
        assert_eq!(world.pic.get_controllers(world.a), [Principal::anonymous()]);
        let controllers = vec![world.a, world.b];
        world.pic.set_controllers(world.a, None, controllers.clone()).unwrap();
        let mut found = world.pic.get_controllers(world.a);
        found.sort();
        let mut expected = controllers;
        expected.sort();
        assert_eq!(found, expected);
    });
}
