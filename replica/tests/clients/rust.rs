//! The ordinary flow of the Rust client.

use crate::BINARY;
use candid::{Decode, Encode, Principal};
use pocket_ic::{ErrorCode, PocketIc, PocketIcBuilder, RejectResponse, update_candid};
use std::time::Duration;
use test_support::counter;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The number that a method without an argument replies.
fn number(reply: Result<Vec<u8>, RejectResponse>) -> u64 {
    Decode!(&reply.unwrap(), u64).unwrap()
}

fn update(pic: &PocketIc, canister: Principal, method: &str) -> Result<Vec<u8>, RejectResponse> {
    pic.update_call(canister, Principal::anonymous(), method, Encode!().unwrap())
}

fn query(pic: &PocketIc, canister: Principal, method: &str) -> Result<Vec<u8>, RejectResponse> {
    pic.query_call(canister, Principal::anonymous(), method, Encode!().unwrap())
}

/// A counter on each of the two subnets.
fn two_subnets(pic: &PocketIc) -> [Principal; 2] {
    let subnets = pic.topology().get_app_subnets();
    assert_eq!(subnets.len(), 2);
    [0, 1].map(|number| {
        let canister = pic.create_canister_on_subnet(None, None, subnets[number]);
        pic.install_canister(canister, counter(), Encode!().unwrap(), None);
        assert_eq!(pic.get_subnet(canister), Some(subnets[number]));
        canister
    })
}

/// A live network with a counter on each of its two subnets, and where agents find it.
pub fn live_counters() -> (PocketIc, String, [Principal; 2]) {
    let builder = PocketIcBuilder::new().with_server_binary(BINARY.into());
    let mut pic = builder.with_application_subnet().with_application_subnet().build();
    let counters = two_subnets(&pic);
    let url = pic.make_live(None).to_string();
    (pic, url, counters)
}

/// Updates, queries, and a call from one subnet to the other.
fn calls(pic: &PocketIc, one: Principal, other: Principal) {
    assert_eq!(number(update(pic, one, "count")), 1);
    assert_eq!(number(update(pic, one, "count")), 2);
    assert_eq!(number(query(pic, one, "read")), 2);
    let (counted,): (u64,) = update_candid(pic, one, "count_on", (other,)).unwrap();
    assert_eq!(counted, 1);
    assert_eq!(number(query(pic, other, "read")), 1);
    let balance = pic.cycle_balance(one);
    assert_eq!(pic.add_cycles(one, 5), balance + 5);
}

/// An upgrade keeps the count, a new installation does not.
fn upgrades(pic: &PocketIc, canister: Principal) {
    pic.upgrade_canister(canister, counter(), Encode!().unwrap(), None).unwrap();
    assert_eq!(number(query(pic, canister, "read")), 2);
    pic.stop_canister(canister, None).unwrap();
    let error = update(pic, canister, "count").unwrap_err();
    assert_eq!(error.error_code, ErrorCode::CanisterStopped);
    pic.start_canister(canister, None).unwrap();
    pic.reinstall_canister(canister, counter(), Encode!().unwrap(), None).unwrap();
    assert_eq!(number(update(pic, canister, "count")), 1);
}

/// Time is what it was set to, for canisters, too.
fn time_travel(pic: &PocketIc, canister: Principal) {
    let later = pic.get_time() + DAY;
    pic.advance_time(DAY);
    pic.tick();
    assert_eq!(pic.get_time(), later);
    assert_eq!(number(query(pic, canister, "now")), later.as_nanos_since_unix_epoch());
}

/// Each failure is told with its codes.
fn errors(pic: &PocketIc, canister: Principal) {
    let nobody = Principal::from_text("rrkah-fqaaa-aaaaa-aaaaq-cai").unwrap();
    let missing: Result<(u64,), _> = update_candid(pic, canister, "count_on", (nobody,));
    let install = |module: Vec<u8>| {
        pic.reinstall_canister(canister, module, Encode!().unwrap(), Some(Principal::anonymous()))
    };
    for (error, code, fragment) in [
        (update(pic, canister, "fail").unwrap_err(), ErrorCode::CanisterCalledTrap, "told to fail"),
        (
            update(pic, canister, "refuse").unwrap_err(),
            ErrorCode::CanisterRejectedMessage,
            "told to refuse",
        ),
        (update(pic, canister, "no").unwrap_err(), ErrorCode::CanisterMethodNotFound, "no"),
        (query(pic, canister, "no").unwrap_err(), ErrorCode::CanisterMethodNotFound, "no"),
        (missing.unwrap_err(), ErrorCode::CanisterRejectedMessage, &nobody.to_text()),
        (install(b"no module".to_vec()).unwrap_err(), ErrorCode::CanisterInvalidWasm, ""),
        (
            pic.delete_canister(canister, None).unwrap_err(),
            ErrorCode::CanisterNotStopped,
            &canister.to_text(),
        ),
    ] {
        assert_eq!(error.error_code, code);
        assert!(error.reject_message.contains(fragment), "{error}");
    }
    assert_eq!(number(query(pic, canister, "read")), 1, "the trap undid what it had done");
}

#[test]
fn the_rust_client_runs_its_ordinary_flow() {
    let builder = || PocketIcBuilder::new().with_server_binary(BINARY.into());
    let pic = builder().with_application_subnet().with_application_subnet().build();
    let [one, other] = two_subnets(&pic);
    calls(&pic, one, other);
    upgrades(&pic, one);
    time_travel(&pic, one);
    errors(&pic, one);
    let with_nns = builder().with_nns_subnet().build();
    assert_eq!(with_nns.get_server_url(), pic.get_server_url(), "they share one server");
    assert_eq!(with_nns.root_key().unwrap().len(), 133);
    assert_eq!(pic.root_key(), None);
}
