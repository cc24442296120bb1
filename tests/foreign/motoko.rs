//! Motoko, from the compilers for 32 and for 64 bits: errors that are caught, cycles, canisters made by canisters.

use std::fs;

use multi_subnet::interface::candid_interface;
use pocket_ic::ErrorCode;
use test_support::canisters::number;
use test_support::{
    Canister, MotokoCompiler, Program, Server, controller, motoko, on_every_server,
};

/// Runs a test with a program from each compiler, where that can be had, on every server.
pub fn with_each_compiler(name: &str, test: impl Fn(Server, &Program)) {
    for compiler in MotokoCompiler::ALL {
        with_compiler(compiler, name, &test);
    }
}

/// Runs a test with a program from this compiler, where that can be had, on every server.
pub fn with_compiler(compiler: MotokoCompiler, name: &str, test: impl Fn(Server, &Program)) {
    let Some(module) = motoko(compiler, name) else { return };
    println!("compiled by {compiler:?}");
    let module = fs::read(module).expect("the module was compiled");
    let interface = candid_interface(&module).expect("a Motoko module contains its interface");
    let program = Program::with_interface(module.clone(), &interface);
    on_every_server(|server| test(server, &program));
}

/// Two canisters of the program `peer`, on two subnets and on one.
fn peers(test: impl Fn(&Canister, &Canister)) {
    with_each_compiler("peer", |server, program| {
        for subnets in [1, 2] {
            let pic = server.instance(subnets);
            let [one, other] =
                [0, subnets - 1].map(|subnet| program.install_on(&pic, subnet, "()"));
            test(&one, &other);
        }
    });
}

/// Candid of a canister as the argument that calls it.
fn service(canister: &Canister) -> String {
    format!("service \"{}\"", canister.id)
}

#[test]
fn motoko_catches_what_its_callee_comes_to() {
    peers(|one, other| {
        let attempt = |method: &str| {
            one.call("attempt", &format!("({}, variant {{ {method} }})", service(other)))
        };
        assert_eq!(attempt("greet"), r#"("Hello you")"#);
        assert_eq!(attempt("refuse"), r#"("reject: not today")"#);
        let trapped = attempt("fall");
        assert!(trapped.starts_with("(\"error: IC0503: "), "{trapped}");
        assert!(trapped.contains("fallen"), "{trapped}");
        let unknown = attempt("unknown");
        assert!(unknown.starts_with("(\"error: IC0536: "), "{unknown}");
    });
}

#[test]
fn motoko_catches_that_there_is_no_callee() {
    peers(|one, other| {
        let argument = format!("({}, variant {{ greet }})", service(other));
        other
            .pic
            .uninstall_canister(other.id, Some(controller()))
            .expect("a controller may do that");
        let empty = one.call("attempt", &argument);
        assert!(empty.starts_with("(\"error: IC0537: "), "{empty}");
        other.pic.stop_canister(other.id, Some(controller())).expect("a controller may do that");
        other.pic.delete_canister(other.id, Some(controller())).expect("a controller may do that");
        let nobody = one.call("attempt", &argument);
        assert!(nobody.starts_with("(\"no destination: "), "{nobody}");
    });
}

#[test]
fn motoko_sends_cycles_and_gets_back_what_is_not_accepted() {
    peers(|one, other| {
        let before = other.pic.cycle_balance(other.id);
        let reply = one.call("pay", &format!("({}, 5_000_000_000, 3_000_000_000)", service(other)));
        assert_eq!(reply, "(3_000_000_000 : nat, 2_000_000_000 : nat)");
        let gained = other.pic.cycle_balance(other.id) - before;
        // Executing the call has cost something.
        assert!((2_900_000_000..3_000_000_000).contains(&gained), "{gained}");
    });
}

#[test]
fn what_motoko_did_before_an_answer_stays_when_it_traps_after_it() {
    peers(|one, other| {
        let argument = format!("({})", service(other));
        let reject = one.reject("trap_after_answer", &argument);
        assert_eq!(reject.error_code, ErrorCode::CanisterCalledTrap);
        assert!(reject.reject_message.contains("too late"), "{reject:?}");
        assert_eq!(number(&one.ask("steps_taken", "()")), 1);
    });
}

#[test]
fn a_motoko_canister_creates_funds_and_deletes_others() {
    with_each_compiler("parent", |server, program| {
        let pic = server.instance(1);
        let parent = program.install(&pic, "()");
        let created = parent.call("create", r#"("Ada", 2_000_000_000_000)"#);
        let (child, greeting) = created.split_once(", ").expect("an id and a greeting");
        assert_eq!(greeting, r#""I am Ada")"#);
        let child = child.strip_prefix('(').expect("the id comes first");
        let status = || parent.call_as(controller(), "status", &format!("({child})"));
        let cycles = |status: &str| number(status.split("cycles = ").nth(1).expect("it has some"));

        let first = status().expect("the parent controls its child");
        assert!(first.contains("status = variant { running }"), "{first}");
        // Creating it has cost a quarter of what it was given, installing the code very little.
        assert!((1_480_000_000_000..1_500_000_000_000).contains(&cycles(&first)), "{first}");
        parent.call("deposit", &format!("({child}, 1_000_000_000_000)"));
        let second = status().expect("the parent controls its child");
        let gained = cycles(&second) - cycles(&first);
        // It pays for its memory as time goes by.
        assert!((999_000_000_000..=1_000_000_000_000).contains(&gained), "{gained}");

        parent.call("dispose", &format!("({child})"));
        let reject = status().expect_err("it is gone");
        assert!(reject.reject_message.contains("not found"), "{reject:?}");
    });
}
