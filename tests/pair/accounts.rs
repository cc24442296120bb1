//! What the callee says of its users, and to whom it listens about that.

use candid::utils::ArgumentEncoder;
use candid::{CandidType, Nat, Principal, decode_one, encode_args};
use pocket_ic::{PocketIc, RejectCode, RejectResponse};
use test_support::{Server, on_every_server};

use crate::answers::UserAccount;
use crate::forwarder::Forwarder;
use crate::pair::{
    assert_refusal, callee_module, controller, create, no_result, nothing, stranger,
};

#[derive(CandidType)]

struct Account {
    owner: Principal,
    subaccount: Option<Vec<u8>>,
}

/// The callee, and on another subnet a canister that calls it.
struct Callee {
    pic: PocketIc,
    id: Principal,
    forwarder: Forwarder,
}

/// Who asks, and how.
#[derive(Clone, Copy, Debug)]
enum Asking {
    Query,
    Update,
    FromCanister,
}

impl Asking {
    const ALL: [Self; 3] = [Self::Query, Self::Update, Self::FromCanister];
}

type Answer = Result<Vec<u8>, RejectResponse>;

impl Callee {
    fn install(server: Server) -> Self {
        let pic = server.instance(2);
        let forwarder = Forwarder::install(&pic, 0);
        let id = create(&pic, 1);
        pic.install_canister(id, callee_module(), nothing(), Some(controller()));
        Self { pic, id, forwarder }
    }

    fn ask(&self, asking: Asking, method: &str, argument: Vec<u8>) -> Answer {
        match asking {
            Asking::Query => self.pic.query_call(self.id, stranger(), method, argument),
            Asking::Update => self.pic.update_call(self.id, stranger(), method, argument),
            Asking::FromCanister => self.forwarder.call(&self.pic, self.id, method, &argument),
        }
    }

    fn number(&self, asking: Asking, method: &str, arguments: impl ArgumentEncoder) -> Nat {
        let reply = self.ask(asking, method, encode(arguments)).expect("the canister replies");
        decode_one(&reply).expect("the reply is one nat")
    }

    /// Balance, position and rewards of a user.
    fn holdings(&self, asking: Asking, user: Principal) -> [Nat; 3] {
        [
            self.number(asking, "icrc1_balance_of", (Account { owner: user, subaccount: None },)),
            self.number(asking, "get_position", (user,)),
            self.number(asking, "get_rewards", (user,)),
        ]
    }

    fn set(&self, sender: Principal, user: Principal, holdings: [u128; 3]) -> Answer {
        self.pic.update_call(self.id, sender, "set_account", encode((account(user, holdings),)))
    }

    fn upgrade(&self) {
        self.pic
            .upgrade_canister(self.id, callee_module(), nothing(), Some(controller()))
            .expect("the callee can be upgraded");
    }
}

fn account(user: Principal, holdings: [u128; 3]) -> UserAccount {
    let [balance, position, rewards] = holdings.map(Nat::from);
    UserAccount { user, balance, position, rewards }
}

fn encode(arguments: impl ArgumentEncoder) -> Vec<u8> {
    encode_args(arguments).expect("the value has a Candid type")
}

fn user(number: u8) -> Principal {
    Principal::self_authenticating([3, number])
}

#[test]
fn what_a_controller_sets_everybody_reads_in_every_way() {
    on_every_server(|server| {
        let callee = Callee::install(server);
        for holdings in [[1, 2, 3], [u128::MAX, 0, 1_000_000_000_000]] {
            assert_eq!(callee.set(controller(), user(1), holdings), Ok(no_result()));
            for asking in Asking::ALL {
                assert_eq!(callee.holdings(asking, user(1)), holdings.map(Nat::from), "{asking:?}");
                assert_eq!(
                    callee.holdings(asking, user(2)),
                    [0_u8; 3].map(Nat::from),
                    "{asking:?}"
                );
            }
        }
    });
}

#[test]
fn a_canister_that_is_a_controller_may_set_accounts_and_another_may_not() {
    on_every_server(|server| {
        let callee = Callee::install(server);
        let set = || {
            let argument = encode((account(user(1), [1, 2, 3]),));
            callee.ask(Asking::FromCanister, "set_account", argument)
        };
        let refusal = set().expect_err("the forwarder is no controller");
        assert_refusal(&refusal, &["only a controller"]);
        let controllers = vec![controller(), callee.forwarder.id()];
        callee
            .pic
            .set_controllers(callee.id, Some(controller()), controllers)
            .expect("a controller may do that");
        assert_eq!(set(), Ok(no_result()));
        assert_eq!(callee.holdings(Asking::Query, user(1)), [1_u8, 2, 3].map(Nat::from));
    });
}

#[test]
fn a_stranger_who_would_set_accounts_is_refused_before_it_costs_anything() {
    /// What taking in a message costs at least.
    const INGRESS_FEE: u128 = 1_200_000;
    on_every_server(|server| {
        let callee = Callee::install(server);
        for sender in [stranger(), Principal::anonymous()] {
            let before = callee.pic.cycle_balance(callee.id);
            let refusal = callee.set(sender, user(1), [1, 2, 3]).expect_err("it is no controller");
            assert!(refusal.reject_message.contains("only a controller"), "{refusal:?}");
            let after = callee.pic.cycle_balance(callee.id);
            assert!(before - after < INGRESS_FEE, "{}", before - after);
            // Nobody is kept from pinging, which does cost that.
            assert_eq!(
                callee.pic.update_call(callee.id, sender, "ping", nothing()),
                Ok(no_result())
            );
            assert!(after - callee.pic.cycle_balance(callee.id) > INGRESS_FEE);
        }
        assert_eq!(callee.holdings(Asking::Query, user(1)), [0_u8; 3].map(Nat::from));
    });
}

#[test]
fn accounts_outlive_upgrades() {
    on_every_server(|server| {
        let callee = Callee::install(server);
        // More than one node of the tree that keeps them.
        let users = || (0..30_u8).map(|number| (user(number), [number.into(), 7, u128::MAX]));
        for (user, holdings) in users() {
            callee.set(controller(), user, holdings).expect("a controller may");
        }
        for _ in 0..2 {
            callee.upgrade();
            for (user, holdings) in users() {
                assert_eq!(callee.holdings(Asking::Query, user), holdings.map(Nat::from));
            }
        }
        callee.set(controller(), user(1), [5, 5, 5]).expect("a controller may");
        assert_eq!(callee.holdings(Asking::Update, user(1)), [5_u8; 3].map(Nat::from));
    });
}

#[test]
fn a_balance_is_in_the_default_account_and_a_subaccount_has_32_bytes() {
    on_every_server(|server| {
        let callee = Callee::install(server);
        callee.set(controller(), user(1), [5, 6, 7]).expect("a controller may");
        let account = |subaccount| Account { owner: user(1), subaccount: Some(subaccount) };
        for asking in Asking::ALL {
            for (subaccount, balance) in [(vec![0; 32], 5_u8), (vec![1; 32], 0)] {
                let found = callee.number(asking, "icrc1_balance_of", (account(subaccount),));
                assert_eq!(found, Nat::from(balance));
            }
            for length in [0, 31, 33] {
                let argument = encode((account(vec![0; length]),));
                let refusal = callee.ask(asking, "icrc1_balance_of", argument).expect_err("no");
                assert_refusal(&refusal, &["a subaccount has 32 bytes"]);
            }
        }
    });
}

#[test]
fn an_argument_of_another_type_is_refused_with_a_reason() {
    on_every_server(|server| {
        let callee = Callee::install(server);
        let holdings = account(user(1), [0; 3]);
        let too_large = UserAccount { balance: Nat::from(u128::MAX) + 1_u8, ..holdings };
        let set_account = "set_account";
        for (method, argument, reason) in [
            (set_account, encode((too_large,)), "nat overflow"),
            (set_account, encode((user(1),)), "Fail to decode argument 0"),
            ("get_position", nothing(), "No more values on the wire"),
            ("get_rewards", encode(("user",)), "Fail to decode argument 0"),
            ("icrc1_balance_of", b"DIDL\x01\x6c".to_vec(), "Cannot parse header"),
            ("icrc1_balance_of", b"no Candid".to_vec(), "Cannot parse header"),
        ] {
            let refusal = callee
                .pic
                .update_call(callee.id, controller(), method, argument)
                .expect_err("it cannot be read");
            assert_eq!(refusal.reject_code, RejectCode::CanisterError, "{refusal:?}");
            assert!(refusal.reject_message.contains(reason), "{refusal:?}");
        }
    });
}

/// Candid's number of a vector with 2^40 elements, which take no bytes if each is `null`.
const MANY: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x80, 0x20];

/// A principal as Candid's value.
fn principal_value(principal: Principal) -> Vec<u8> {
    let bytes = principal.as_slice();
    [&[1, bytes.len() as u8], bytes].concat()
}

/// Few bytes that stand for much work: `(user, vec null)`, a record with a field `vec null` beside the owner, a record
/// of 60 levels that doubles on each, and an option of as many levels as the message may have bytes.
fn hostile_arguments() -> Vec<(&'static str, Vec<u8>)> {
    const VEC: u8 = 0x6d;
    const RECORD: u8 = 0x6c;
    const OPT: u8 = 0x6e;
    const NULL: u8 = 0x7f;
    const PRINCIPAL: u8 = 0x68;
    let header = b"DIDL".as_slice();
    let user = principal_value(user(1));
    let hash = |field: &str| leb128(candid::idl_hash(field));
    let extra_argument = [header, &[1, VEC, NULL, 2, PRINCIPAL, 0], &user, MANY].concat();
    let fields = |other: &str| {
        let owner = [&hash("owner")[..], &[PRINCIPAL]].concat();
        let other_field = [&hash(other)[..], &[0]].concat();
        assert!(candid::idl_hash("owner") < candid::idl_hash(other), "fields are sorted");
        [&[2, VEC, NULL, RECORD, 2], &owner[..], &other_field, &[1, 1]].concat()
    };
    let in_record = |other| [header, &fields(other), &user, MANY].concat();
    let doubling = {
        let levels = (0..60_u8).flat_map(|level| match level {
            0 => vec![RECORD, 0],
            _ => vec![RECORD, 2, 0, level - 1, 1, level - 1],
        });
        [header, &[60], &levels.collect::<Vec<_>>(), &[2, PRINCIPAL, 59], &user].concat()
    };
    let deep = {
        let values = vec![1; 1_000_000];
        [header, &[1, OPT, 0, 2, PRINCIPAL, 0], &user, &values[..], &[0]].concat()
    };
    vec![
        ("an argument too many", extra_argument),
        ("a field too many", in_record("memo")),
        ("a subaccount of nulls", in_record("subaccount")),
        ("a record that doubles", doubling),
        ("a deep option", deep),
    ]
}

fn leb128(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[test]
fn an_argument_of_few_bytes_that_stands_for_much_work_is_refused_for_the_price_of_a_message() {
    /// Taking and executing a message, without the cycles for each of its bytes.
    const REFUSAL_COST_MAX: u128 = 20_000_000;
    /// What a user's message and a call cost the callee for each byte.
    const CYCLES_PER_BYTE: u128 = 2_000;
    on_every_server(|server| {
        let callee = Callee::install(server);
        for method in ["icrc1_balance_of", "get_position", "get_rewards"] {
            for (what, argument) in hostile_arguments() {
                let bytes = argument.len() as u128;
                for asking in Asking::ALL {
                    let before = callee.pic.cycle_balance(callee.id);
                    let result = callee.ask(asking, method, argument.clone());
                    let cost = before - callee.pic.cycle_balance(callee.id);
                    let case =
                        format!("{what} for {method}, {asking:?}: {cost} cycles, {result:?}");
                    let max = REFUSAL_COST_MAX + CYCLES_PER_BYTE * bytes;
                    assert!(result.is_err() && cost < max, "{case}");
                }
            }
        }
    });
}
