//! A service as authors write one: it keeps strangers out.

use candid::Principal;
use pocket_ic::ErrorCode;

use super::canister::Program;
use crate::pair::{controller, stranger};
use crate::servers::on_every_server;

#[test]
fn messages_of_strangers_are_kept_out_where_the_canister_says_so() {
    let program = Program::rust("weather");
    on_every_server(|server| {
        let pic = server.instance(1);
        let station = program.install(&pic, "()");
        let before = pic.cycle_balance(station.id);
        for sender in [stranger(), Principal::anonymous()] {
            let reject = station.call_as(sender, "set_source", r#"("")"#).expect_err("kept out");
            assert_eq!(reject.error_code, ErrorCode::CanisterRejectedMessage);
        }
        assert_eq!(pic.cycle_balance(station.id), before, "and cost nothing");
        station.call_as(controller(), "set_source", r#"("")"#).expect("a controller is let in");
    });
}
