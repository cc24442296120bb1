//! Interfaces that changed on one side.

use candid::{CandidType, Principal, Reserved, encode_args};
use wire::WireError::WrongType;
use wire::decode;

use crate::types::{Account, Answer, Failed, Optional, Reason};

candid::define_function!(Callback : (u64) -> ());
candid::define_service!(Callee : { "ping" : Callback::ty() });

fn id() -> Principal {
    Principal::from_slice(&[1, 2, 3])
}

#[test]
fn fields_and_arguments_that_nobody_expects_are_skipped() {
    #[derive(CandidType)]
    struct Newer {
        owner: Principal,
        subaccount: Option<Vec<u8>>,
        memo: Option<Vec<(String, candid::Int)>>,
        created: f64,
        callback: Callback,
    }
    let newer = Newer {
        owner: id(),
        subaccount: None,
        memo: Some(vec![("x".into(), candid::Int::from(-5))]),
        created: 1.5,
        callback: Callback::new(id(), "ping".into()),
    };
    let message = encode_args((newer, vec![true, false], "more")).expect("it encodes");
    assert_eq!(decode(&message), Ok((Account { owner: id(), subaccount: None },)));
    assert_eq!(decode(&message), Ok(()));
}

#[test]
fn optional_fields_and_arguments_that_are_missing_are_none() {
    #[derive(CandidType)]
    struct Older {
        owner: Principal,
    }
    let message = encode_args((Older { owner: id() },)).expect("it encodes");
    let account = Account { owner: id(), subaccount: None };
    let read: (Account, Option<u64>, (), wire::Reserved) = decode(&message).expect("all optional");
    assert_eq!(read, (account, None, (), wire::Reserved));
    assert_eq!(decode::<(Account, u64)>(&message), Err(WrongType));
    assert_eq!(decode::<(Failed,)>(&message), Err(WrongType));
}

#[test]
fn a_value_is_also_some_value() {
    let message = encode_args((5_u64, None::<u64>, (), Reserved)).expect("it encodes");
    type Four<T> = (T, T, T, T);
    let none = None;
    assert_eq!(decode::<Four<_>>(&message), Ok((Some(5_u64), none, none, none)));
    assert_eq!(decode(&message), Ok((Some(Some(5_u64)),)));
}

#[test]
fn an_optional_value_of_another_type_is_none_and_what_follows_is_read() {
    let message = encode_args((Some("text"), "text", 7_u64)).expect("it encodes");
    assert_eq!(decode(&message), Ok((None::<u64>, None::<Account>, 7_u64)));
    // At any depth: the field fails, and with it the record in the option.
    let failed = Failed { code: 1, message: "no".into() };
    let message = encode_args((Some((Some((5_u64, failed)), true)), 7_u64)).expect("it encodes");
    assert_eq!(decode(&message), Ok((Some((None::<(u64, Account)>, true)), 7_u64)));
}

#[test]
fn an_optional_variant_with_an_unknown_case_is_none() {
    #[derive(CandidType)]
    enum Newer {
        QueueFull,
        Throttled(Account),
    }
    let throttled = Newer::Throttled(Account { owner: id(), subaccount: None });
    let message = encode_args((Some(throttled), 7_u64)).expect("it encodes");
    assert_eq!(decode(&message), Ok((None::<Reason>, 7_u64)));
    // The known case has another number in the newer variant, and in each of these.
    let message = encode_args((Newer::QueueFull,)).expect("it encodes");
    assert_eq!(decode(&message), Ok((Reason::QueueFull,)));
    assert_eq!(decode(&message), Ok((Answer::QueueFull,)));
}

#[test]
fn a_service_is_also_a_principal() {
    let message = encode_args((Callee::new(id()),)).expect("it encodes");
    assert_eq!(decode(&message), Ok((id(),)));
}

#[test]
fn a_tuple_is_a_record_whose_fields_are_numbered() {
    let message = encode_args(((1_u64, "two", true), 7_u64)).expect("it encodes");
    assert_eq!(decode(&message), Ok(((1_u64, "two".to_owned()), 7_u64)));
    assert_eq!(decode(&message), Ok(((1_u64, None::<u8>, true, None::<u8>), 7_u64)));
}

#[test]
fn an_empty_record_is_read_where_all_is_optional() {
    #[derive(CandidType)]
    struct Empty {}
    let message = encode_args((vec![Empty {}, Empty {}],)).expect("it encodes");
    let nothing = Optional { attempted: None, a: None, reason: None, accounts: None, unit: () };
    assert_eq!(decode(&message), Ok((vec![nothing.clone(), nothing],)));
}
