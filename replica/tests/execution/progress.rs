//! Instances that progress by themselves, and time that a test sets.

use candid::Principal;
use pocket_ic::Time;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use test_support::patience::{in_one_of_ten, wait_until};
use test_support::script::{call, canister_with, number, script};
use test_support::{ScriptedNetwork, Server, on_every_server};

fn nanos(time: Time) -> u64 {
    time.as_nanos_since_unix_epoch()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// What the canister takes for the time.
fn canister_time(network: &ScriptedNetwork) -> u64 {
    number(&network.ask(network.a, script().time().reply_number()).unwrap())
}

#[test]
fn calls_between_subnets_are_answered_without_a_tick_while_it_progresses() {
    on_every_server(|server| {
        let network = server.two_subnets();
        let one = call(network.b).running(script().reply("pong"));
        assert!(!network.pic.auto_progress_enabled());
        network.pic.auto_progress();
        assert!(network.pic.auto_progress_enabled());
        let message = network.submit(network.a, script().call(one));
        assert_eq!(network.pic.await_call_no_ticks(message).unwrap(), b"pong");
        network.pic.stop_progress();
        assert!(!network.pic.auto_progress_enabled());
    });
}

#[test]
fn real_time_passes_while_it_progresses_and_stands_still_when_it_has_stopped() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let before = now();
        network.pic.auto_progress();
        assert!(nanos(network.pic.get_time()) >= before, "it has the real time at once");
        wait_until("time passes", || nanos(network.pic.get_time()) >= before + 500_000_000);
        assert!(nanos(network.pic.get_time()) <= now());
        network.pic.stop_progress();
        let stopped = network.pic.get_time();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(network.pic.get_time(), stopped);
        // Again, and further from there.
        network.pic.auto_progress();
        wait_until("time goes on", || network.pic.get_time() > stopped);
    });
}

#[test]
fn a_timer_goes_off_by_itself_while_it_progresses() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.auto_progress();
        let on_timer = script().keep(test_support::script::ON_TIMER, script().put(7, 42));
        let set = on_timer.timer(nanos(network.pic.get_time()) + 200_000_000).reply("set");
        let message = network.submit(network.a, set);
        network.pic.await_call_no_ticks(message).unwrap();
        wait_until("the timer goes off", || network.cell(network.a, 7) == 42);
    });
}

#[test]
fn heartbeats_at_rest_come_about_every_100_milliseconds() {
    on_every_server(|server| {
        let network = server.one_subnet();
        let heartbeat = r#"(func (export "canister_heartbeat")
            (i64.store (i32.const 72) (i64.add (i64.load (i32.const 72)) (i64.const 1))))"#;
        let id = test_support::scripted::install_module(&network.pic, canister_with(heartbeat));
        network.pic.auto_progress();
        in_one_of_ten(|| {
            let before = network.cell(id, 9);
            let start = Instant::now();
            std::thread::sleep(Duration::from_secs(3));
            let heartbeats = network.cell(id, 9) - before;
            let most = start.elapsed().as_millis() / 100 + 3;
            assert!(u128::from(heartbeats) <= most, "{heartbeats} instead of {most}");
            // A busy machine makes fewer.
            if heartbeats >= 12 { Ok(()) } else { Err(format!("{heartbeats} in 3 s")) }
        });
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
        let other = |server: Server| server.network().with_application_subnet().build();
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
        let network = server.one_subnet();
        let time = network.pic.get_time() + Duration::from_secs(1_000);
        network.pic.set_certified_time(time);
        assert_eq!(network.pic.get_time(), time);
        assert_eq!(canister_time(&network), nanos(time));
        let in_round = network.run(network.a, script().time().reply_number()).unwrap();
        assert!(number(&in_round) > nanos(time));
    });
}

#[test]
fn time_that_was_set_is_seen_from_the_next_round_on() {
    on_every_server(|server| {
        let network = server.one_subnet();
        network.pic.tick();
        let before = canister_time(&network);
        let time = network.pic.get_time() + Duration::from_secs(1_000);
        network.pic.set_time(time);
        assert_eq!(canister_time(&network), before, "no round has happened yet");
        assert_eq!(
            number(&network.run(network.a, script().time().reply_number()).unwrap()),
            nanos(time)
        );
        assert_eq!(canister_time(&network), nanos(time));
    });
}

#[test]
fn controllers_can_be_looked_up_without_a_call() {
    on_every_server(|server| {
        let network = server.one_subnet();
        assert_eq!(network.pic.get_controllers(network.a), [Principal::anonymous()]);
        let controllers = vec![network.a, network.b];
        network.pic.set_controllers(network.a, None, controllers.clone()).unwrap();
        let mut found = network.pic.get_controllers(network.a);
        found.sort();
        let mut expected = controllers;
        expected.sort();
        assert_eq!(found, expected);
    });
}
