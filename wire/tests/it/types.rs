//! Types to try both codecs with.

use candid::{CandidType, Deserialize, Principal};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

wire::record! {
    /// An account of a ledger.
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Account {
        pub owner: Principal,
        pub subaccount: Option<Vec<u8>>,
    }
}

wire::record! {
    /// All plain types, with names whose hashes are in another order.
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Plain {
        pub a: u8,
        pub bb: u16,
        pub ccc: u32,
        pub dddd: u64,
        pub eeeee: u128,
        f: bool,
        pub g: String,
        pub r#type: Principal,
        pub unit: (),
    }
}

wire::record! {
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Report {
        pub attempted: u64,
        pub succeeded: u64,
        pub failures: Vec<Failure>,
        pub answer: Option<Answer>,
        pub accounts: Vec<Account>,
    }
}

wire::record! {
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Failure {
        pub reason: Reason,
        pub calls: u64,
    }
}

wire::record! {
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Nothing {}
}

wire::record! {
    /// Whatever of it is missing, it can be read.
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Optional {
        pub attempted: Option<u64>,
        pub a: Option<Option<u8>>,
        pub reason: Option<Reason>,
        pub accounts: Option<Vec<Option<Account>>>,
        pub unit: (),
    }
}

wire::variant! {
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub enum Reason {
        QueueFull,
        Cycles(u128),
        Rejected(Failed),
        Undecodable(Vec<u8>),
    }
}

wire::record! {
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub struct Failed {
        pub code: u32,
        pub message: String,
    }
}

wire::variant! {
    #[derive(CandidType, Deserialize, Clone, Debug, PartialEq)]
    pub enum Answer {
        /// A case without a value.
        QueueFull,
        Value(u64),
        Flagged(Vec<Failed>),
        Either(Result<Account, String>),
    }
}

pub fn principals() -> impl Strategy<Value = Principal> {
    vec(any::<u8>(), 0..=29).prop_map(|bytes| Principal::from_slice(&bytes))
}

pub fn blobs() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

pub fn accounts() -> impl Strategy<Value = Account> {
    (principals(), option::of(blobs()))
        .prop_map(|(owner, subaccount)| Account { owner, subaccount })
}

/// Numbers of all lengths, not only long ones.
pub fn nats() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..128_u32).prop_map(|(number, shift)| number >> shift)
}

pub fn plains() -> impl Strategy<Value = Plain> {
    (any::<(u8, u16, u32, u64, bool)>(), nats(), ".*", principals()).prop_map(
        |((a, bb, ccc, dddd, f), eeeee, g, r#type)| Plain {
            a,
            bb,
            ccc,
            dddd,
            eeeee,
            f,
            g,
            r#type,
            unit: (),
        },
    )
}

fn failed() -> impl Strategy<Value = Failed> {
    (any::<u32>(), ".*").prop_map(|(code, message)| Failed { code, message })
}

pub fn reasons() -> impl Strategy<Value = Reason> {
    prop_oneof![
        Just(Reason::QueueFull),
        nats().prop_map(Reason::Cycles),
        failed().prop_map(Reason::Rejected),
        blobs().prop_map(Reason::Undecodable),
    ]
}

pub fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::QueueFull),
        any::<u64>().prop_map(Answer::Value),
        vec(failed(), 0..4).prop_map(Answer::Flagged),
        accounts().prop_map(|account| Answer::Either(Ok(account))),
        ".*".prop_map(|text| Answer::Either(Err(text))),
    ]
}

pub fn reports() -> impl Strategy<Value = Report> {
    let failures = (reasons(), any::<u64>()).prop_map(|(reason, calls)| Failure { reason, calls });
    (any::<[u64; 2]>(), vec(failures, 0..5), option::of(answers()), vec(accounts(), 0..5)).prop_map(
        |([attempted, succeeded], failures, answer, accounts)| Report {
            attempted,
            succeeded,
            failures,
            answer,
            accounts,
        },
    )
}

pub fn optionals() -> impl Strategy<Value = Optional> {
    (
        option::of(any::<u64>()),
        option::of(option::of(any::<u8>())),
        option::of(reasons()),
        option::of(vec(option::of(accounts()), 0..4)),
    )
        .prop_map(|(attempted, a, reason, accounts)| Optional {
            attempted,
            a,
            reason,
            accounts,
            unit: (),
        })
}
