//! Messages from users: which a block takes, and how long they may wait.

use crate::script::{Script, call, script};
use crate::world::on_every_server;
use pocket_ic::ErrorCode;
use std::time::Duration;

/// Needs 500 million instructions, a quarter of what a round has.
fn toil() -> Script {
    script().prepare(call(candid::Principal::anonymous()).zeros(10_000_000)).reply("done")
}

#[test]
fn a_message_that_waits_for_five_minutes_in_its_canisters_queue_fails() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let messages: Vec<_> = (0..6).map(|_| world.submit(world.a, toil())).collect();
        world.pic.tick();
        let done = messages.iter().filter(|message| world.answer(message).is_some()).count();
        assert!((3..5).contains(&done), "{done} fit into a round");
        world.pic.advance_time(Duration::from_secs(6 * 60));
        world.pic.tick();
        for message in &messages[done..] {
            let reject = world.answer(message).unwrap().unwrap_err();
            assert_eq!(reject.error_code, ErrorCode::IngressMessageTimeout);
        }
    });
}

#[test]
fn a_block_takes_four_mebibytes_of_all_canisters_in_turn() {
    on_every_server(|server| {
        let world = server.one_subnet();
        let large = || script().append(&"a".repeat(1_800_000)).reply_number();
        let to_a: Vec<_> = (0..3).map(|_| world.submit(world.a, large())).collect();
        let to_b = world.submit(world.b, script().reply("b"));
        world.pic.tick();
        let done: Vec<bool> = to_a.iter().map(|message| world.answer(message).is_some()).collect();
        assert_eq!(done, [true, true, false]);
        assert_eq!(world.answer(&to_b), Some(Ok(b"b".to_vec())));
        world.pic.tick();
        assert!(world.answer(&to_a[2]).is_some());
    });
}
