//! A canister that makes others, by the management canister; only its owner may have it do so.

use std::fs;

use candid::Principal;
use pocket_ic::{PocketIc, RejectCode};
use test_support::canisters::number;
use test_support::{Canister, Program, StatusOf, on_every_server, rust_canister, stranger};

/// What a product gets.
const CYCLES: u128 = 2_000_000_000_000;

/// A factory whose products are guest books.
fn install<'a>(program: &'a Program, pic: &'a PocketIc) -> Canister<'a> {
    let factory = program.install(pic, "()");
    let module = fs::read(rust_canister("guestbook")).expect("the canister was built");
    factory.call("set_blueprint", &format!("({})", blob(&module)));
    factory
}

/// Candid's text of bytes.
fn blob(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!("blob \"{escaped}\"")
}

/// Has it build a guest book, and says which canister that is.
fn build(factory: &Canister, name: &str) -> Principal {
    let title = blob(&candid::encode_one(name).expect("texts are Candid"));
    let reply = factory.call("build", &format!("({name:?}, {title}, {CYCLES})"));
    let id = reply.split('"').find_map(|text| Principal::from_text(text).ok());
    id.unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn a_factory_builds_canisters_that_work_and_that_it_controls() {
    let [factory, product] = ["factory", "guestbook"].map(Program::rust);
    on_every_server(|server| {
        let pic = server.instance(1);
        let factory = install(&factory, &pic);
        let ids = ["Ada", "Bob"].map(|name| build(&factory, name));
        assert_ne!(ids[0], ids[1]);
        for (id, title) in ids.into_iter().zip([r#"("Ada")"#, r#"("Bob")"#]) {
            let book = product.at(&pic, id);
            assert_eq!(book.ask("title", "()"), title);
            book.call("sign", r#"("Carol", null)"#);
            let status = pic.status_of(id, Some(factory.id)).expect("the factory may ask");
            assert_eq!(status.settings.controllers, [factory.id]);
        }
        // It sees what the products have left of their cycles, and can upgrade them.
        let cycles = factory.call("cycles_of", r#"("Ada")"#);
        let cycles = number(cycles.trim_start_matches("(variant { Ok = "));
        assert!((CYCLES * 9 / 10..CYCLES).contains(&cycles), "{cycles}");
        assert_eq!(factory.call("rebuild", r#"("Ada")"#), "(variant { Ok })");
        assert_eq!(product.at(&pic, ids[0]).ask("visits", "()"), "(1 : nat64)");
    });
}

#[test]
fn a_factory_scraps_what_it_built() {
    let [factory, product] = ["factory", "guestbook"].map(Program::rust);
    on_every_server(|server| {
        let pic = server.instance(1);
        let factory = install(&factory, &pic);
        let id = build(&factory, "Ada");
        assert_eq!(factory.call("scrap", r#"("Ada")"#), "(variant { Ok })");
        assert_eq!(factory.ask("products", "()"), "(vec {})");
        assert!(!pic.canister_exists(id));
        let reject = product.at(&pic, id).call_as(stranger(), "sign", r#"("Carol", null)"#);
        let reject = reject.expect_err("there is no such canister");
        assert_eq!(reject.reject_code, RejectCode::DestinationInvalid);
        assert!(factory.call("scrap", r#"("Ada")"#).contains("there is no Ada"));
    });
}

#[test]
fn a_factory_obeys_its_owner_alone() {
    let program = Program::rust("factory");
    on_every_server(|server| {
        let pic = server.instance(1);
        let factory = program.install(&pic, "()");
        for (method, argument) in [
            ("set_blueprint", r#"(blob "")"#),
            ("build", r#"("Ada", blob "", 0)"#),
            ("scrap", r#"("Ada")"#),
        ] {
            for sender in [stranger(), Principal::anonymous()] {
                let reject = factory.call_as(sender, method, argument);
                let reject = reject.expect_err("it is not the owner");
                assert_eq!(reject.reject_code, RejectCode::CanisterReject);
                assert_eq!(reject.reject_message, "only the owner may do that");
            }
        }
        assert_eq!(factory.ask("products", "()"), "(vec {})");
    });
}

#[test]
fn a_factory_tells_why_it_cannot_build() {
    let program = Program::rust("factory");
    on_every_server(|server| {
        let pic = server.instance(1);
        let factory = program.install(&pic, "()");
        // Without a blueprint there is nothing to install.
        let invalid = factory.call("build", &format!("(\"Ada\", blob \"\", {CYCLES})"));
        assert!(invalid.contains("Wasm module is not valid"), "{invalid}");
        // The canister was created before: calls are not undone by what comes after them.
        assert!(factory.ask("products", "()").contains(r#"name = "Ada""#));

        let taken = factory.call("build", r#"("Ada", blob "", 0)"#);
        assert!(taken.contains("there is a Ada already"), "{taken}");
        let dear = factory.call("build", r#"("Bob", blob "", 1_000_000_000_000_000)"#);
        assert!(dear.contains("insufficient liquid cycles balance"), "{dear}");
        assert!(!factory.ask("products", "()").contains("Bob"));
    });
}

#[test]
fn cycles_that_are_not_accepted_come_back_to_who_sent_them() {
    let program = Program::rust("factory");
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pic = server.instance(subnets);
            let [giver, taker] =
                [0, subnets - 1].map(|subnet| program.install_on(&pic, subnet, "()"));
            for (offered, at_most, reply) in [
                ("5_000_000_000", "3_000_000_000", "(3_000_000_000 : nat, 2_000_000_000 : nat)"),
                ("5_000_000_000", "7_000_000_000", "(5_000_000_000 : nat, 0 : nat)"),
                ("0", "7_000_000_000", "(0 : nat, 0 : nat)"),
            ] {
                let argument = format!("(principal \"{}\", {offered}, {at_most})", taker.id);
                assert_eq!(giver.call("pass_on", &argument), reply);
            }
        }
    });
}
