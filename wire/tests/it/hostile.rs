//! Messages that nobody means well with.

use std::collections::BTreeSet;

use candid::encode_args;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::WireError::{self, *};
use wire::{Reserved, decode};

use crate::agreement::EXPECTED;
use crate::types::*;

/// A message with this after the magic word.
fn message(parts: &[&[u8]]) -> Vec<u8> {
    [&[&b"DIDL"[..]], parts].concat().concat()
}

/// The highest number of 63 bits: as many as numbers that count may have.
const HUGE: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];

#[test]
fn every_end_but_the_right_one_is_refused() {
    let account = Account { owner: candid::Principal::anonymous(), subaccount: Some(vec![7; 32]) };
    let whole = encode_args((account, vec!["text"], Some(5_u128))).expect("it encodes");
    type Arguments = (Account, Vec<String>, Option<u128>);
    assert!(decode::<Arguments>(&whole).is_ok());
    for end in 0..whole.len() {
        let refusal = decode::<Arguments>(&whole[..end]).expect_err("something is missing");
        assert!(matches!(refusal, Truncated | NotCandid), "{end}: {refusal}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(decode::<Arguments>(&longer), Err(Trailing));
    // The same by the other way, where types have to be compared.
    assert_eq!(decode::<(Reserved,)>(&longer), Err(Trailing));
}

#[test]
fn each_kind_of_nonsense_is_refused_for_its_own_reason() {
    let cases: &[(WireError, &[&[u8]])] = &[
        (Truncated, &[]),
        (Truncated, &[HUGE]),
        (Truncated, &[&[0], HUGE]),
        (TooLarge, &[&[0xff; 10]]),
        // definitions: of no kind, of no field, with an unknown type, fields twice and in the wrong order
        (BadTypes, &[&[1, 0x7f, 0]]),
        (Truncated, &[&[1, 0x6c], HUGE]),
        (BadTypes, &[&[1, 0x6e, 1, 0]]),
        (BadTypes, &[&[1, 0x6e, 0x6a, 0]]),
        (BadTypes, &[&[1, 0x6c, 2, 5, 0x7f, 5, 0x7f, 0]]),
        (BadTypes, &[&[1, 0x6b, 2, 5, 0x7f, 4, 0x7f, 0]]),
        (BadTypes, &[&[1, 0x6c, 1, 0x80, 0x80, 0x80, 0x80, 0x10, 0x7f, 0]]),
        (BadTypes, &[&[1, 0x6a, 0, 0, 1, 4, 0]]),
        // arguments: an unknown type
        (BadTypes, &[&[0, 1, 0]]),
        (BadTypes, &[&[0, 1, 0x67]]),
        // values: a bool, an option, a case, a text, a principal, of `empty`, a length
        (BadValue, &[&[0, 1, 0x7e, 2]]),
        (BadValue, &[&[1, 0x6e, 0x7f, 1, 0, 2]]),
        (BadValue, &[&[1, 0x6b, 1, 0, 0x7f, 1, 0, 1]]),
        (BadValue, &[&[0, 1, 0x71, 1, 0xff]]),
        (BadValue, &[&[0, 1, 0x68, 0, 0]]),
        (BadValue, &[&[0, 1, 0x68, 1, 30], &[7; 30]]),
        (BadValue, &[&[0, 1, 0x6f]]),
        (Truncated, &[&[0, 1, 0x71], HUGE]),
        (Truncated, &[&[1, 0x6d, 0x7b, 1, 0], HUGE]),
        (Truncated, &[&[1, 0x6d, 0x78, 1, 0], HUGE]),
    ];
    for (refusal, parts) in cases {
        assert_eq!(decode::<()>(&message(parts)), Err(*refusal), "{parts:?}");
    }
    assert_eq!(decode::<()>(b"DIDM\0\0"), Err(NotCandid));
    assert_eq!(decode::<(u64,)>(b"DIDL\0\0"), Err(WrongType));
    assert_eq!(decode::<(Reason,)>(b"DIDL\x01\x6b\x01\0\x7f\x01\0\0"), Err(WrongType));
}

#[test]
fn expected_values_are_checked_as_skipped_ones_are() {
    assert_eq!(decode::<(bool,)>(b"DIDL\0\x01\x7e\x02"), Err(BadValue));
    assert_eq!(decode::<(String,)>(b"DIDL\0\x01\x71\x01\xff"), Err(BadValue));
    assert_eq!(decode::<(Option<u8>,)>(b"DIDL\x01\x6e\x7b\x01\0\x02"), Err(BadValue));
    assert_eq!(decode::<(candid::Principal,)>(b"DIDL\0\x01\x68\0\0"), Err(BadValue));
    let unknown = [wire::encode(&(Reason::QueueFull,)).as_slice(), &[]].concat();
    let unknown = [&unknown[..unknown.len() - 1], &[4]].concat();
    assert_eq!(decode::<(Reason,)>(&unknown), Err(BadValue));
}

#[test]
fn a_nat_beyond_128_bits_is_refused() {
    let largest = [[0xff; 18].as_slice(), &[0x03]].concat();
    let larger = [[0xff; 18].as_slice(), &[0x07]].concat();
    let padded = [[0xff; 18].as_slice(), &[0x83, 0x80, 0x80, 0x00]].concat();
    assert_eq!(decode(&message(&[&[0, 1, 0x7d], &largest])), Ok((u128::MAX,)));
    assert_eq!(decode(&message(&[&[0, 1, 0x7d], &padded])), Ok((u128::MAX,)));
    assert_eq!(decode::<(u128,)>(&message(&[&[0, 1, 0x7d], &larger])), Err(TooLarge));
    // Nobody minds if nobody wants it.
    assert_eq!(decode(&message(&[&[0, 1, 0x7d], &larger])), Ok(()));
}

#[test]
fn vectors_of_values_without_content_are_bounded_by_the_length_of_the_message() {
    // vec null, vec reserved, vec record {}, vec record { 0 : null }
    for element in [&[0x7f][..], &[0x70], &[1], &[2]] {
        let types = [&[3, 0x6d][..], element, &[0x6c, 0, 0x6c, 1, 0, 0x7f, 1, 0]].concat();
        assert_eq!(decode::<(Reserved,)>(&message(&[&types, &[50]])), Ok((Reserved,)));
        for count in [&[0x80, 0x80, 0x04][..], HUGE] {
            let bomb = message(&[&types, count]);
            assert_eq!(decode::<()>(&bomb), Err(TooMuch), "{element:?}");
        }
    }
    // Each element would be read as a record with five fields.
    let types = [2, 0x6d, 1, 0x6c, 0, 1, 0];
    let few = decode::<(Vec<Optional>,)>(&message(&[&types, &[50]])).expect("they are optional");
    assert_eq!(few.0.len(), 50);
    for count in [&[0x80, 0x01][..], HUGE] {
        assert_eq!(decode::<(Vec<Optional>,)>(&message(&[&types, count])), Err(TooMuch));
    }
}

#[test]
fn values_that_contain_themselves_are_refused() {
    // type T = record { T }; type T = record { T; T; null }; type T = variant { T } without an end
    assert_eq!(decode::<()>(&message(&[&[1, 0x6c, 1, 0, 0, 1, 0]])), Err(TooMuch));
    assert_eq!(decode::<()>(&message(&[&[1, 0x6c, 3, 0, 0, 1, 0, 2, 0x7f, 1, 0]])), Err(TooMuch));
    assert_eq!(decode::<()>(&message(&[&[1, 0x6b, 1, 0, 0, 1, 0], &[0; 99]])), Err(Truncated));
}

#[test]
fn doubling_types_do_not_double_the_work() {
    // T0 = record {}; T1 = record { T0; T0 }; ...: two to the power of 60 values in no byte
    let mut types = vec![61, 0x6c, 0];
    for inner in 0..60 {
        types.extend([0x6c, 2, 0, inner, 1, inner]);
    }
    types.extend([1, 60]);
    assert_eq!(decode::<()>(&message(&[&types])), Err(TooMuch));
}

#[test]
fn deep_nesting_costs_no_stack() {
    const DEPTH: usize = 1_000_000;
    // type T = opt T
    let options = message(&[&[1, 0x6e, 0, 1, 0], &[1; DEPTH], &[0]]);
    assert_eq!(decode::<()>(&options), Ok(()));
    assert_eq!(decode::<(Option<Option<Reserved>>,)>(&options), Ok((Some(Some(Reserved)),)));
    // type T = vec T
    let vectors = message(&[&[1, 0x6d, 0, 1, 0], &[1; DEPTH], &[0]]);
    assert_eq!(decode::<()>(&vectors), Ok(()));
    // type List = opt record { List; nat8 }
    let types = [2, 0x6e, 1, 0x6c, 2, 0, 0, 1, 0x7b, 1, 0];
    let list = message(&[&types, &[1; DEPTH], &[0], &[7; DEPTH]]);
    assert_eq!(decode::<()>(&list), Ok(()));
}

#[test]
fn every_refusal_is_a_sentence_of_its_own() {
    let all = [NotCandid, Truncated, Trailing, BadTypes, BadValue, TooLarge, TooMuch, WrongType];
    let texts: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), all.len());
    assert!(texts.iter().all(|text| text.starts_with("the message ")), "{texts:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_are_read_or_refused_as_by_candid(
        bytes in vec(prop_oneof![0..4_u8, 0x68..=0x80_u8], 0..12),
    ) {
        let message = message(&[&bytes]);
        for expected in EXPECTED {
            (expected.assert_agreement)(&message);
        }
    }
}
