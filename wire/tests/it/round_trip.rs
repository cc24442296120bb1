//! What one codec writes, the other reads.

use candid::utils::{ArgumentDecoder, ArgumentEncoder};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wire::{Arguments, Decode, Encode};

use crate::types::*;

/// Both codecs write the same bytes, and each reads them as what was written.
#[track_caller]
fn assert_same<A>(arguments: A)
where
    A: Arguments + Encode + Decode + ArgumentEncoder + Clone + PartialEq + std::fmt::Debug,
    A: for<'a> ArgumentDecoder<'a>,
{
    let message = wire::encode(&arguments);
    assert_eq!(message, candid::encode_args(arguments.clone()).expect("it encodes"));
    assert_eq!(wire::decode(&message), Ok(arguments.clone()));
    assert_eq!(candid::decode_args::<A>(&message).expect("it is Candid"), arguments);
}

#[test]
fn nothing_is_the_message_without_arguments() {
    assert_eq!(wire::NOTHING, candid::encode_args(()).expect("it encodes"));
    assert_same(());
}

proptest! {
    #[test]
    fn plain_values_are_written_and_read_as_by_candid(
        numbers in any::<(u8, u16, u32, u64)>(), nat in nats(), text in ".*", flag: bool, id in principals(),
    ) {
        let (a, b, c, d) = numbers;
        assert_same((a, b, c, d));
        assert_same((nat, flag));
        assert_same((text, id));
    }

    #[test]
    fn records_are_written_and_read_as_by_candid(
        plain in plains(), report in reports(), account in accounts(), optional in optionals(),
    ) {
        assert_same((plain.clone(),));
        assert_same((report,));
        assert_same((account.clone(), plain, account));
        assert_same((optional, Nothing {}));
    }

    #[test]
    fn variants_are_written_and_read_as_by_candid(reason in reasons(), answer in answers()) {
        assert_same((reason.clone(), answer));
        assert_same((Ok::<_, String>(reason),));
    }

    #[test]
    fn vectors_and_options_are_written_and_read_as_by_candid(
        blob in blobs(),
        nested in vec(vec(option::of(nats()), 0..5), 0..5),
        pairs in vec(option::of((".*", any::<u16>())), 0..5),
    ) {
        assert_same((blob, nested, pairs));
    }
}

#[test]
fn borrowed_values_are_written_like_owned_ones() {
    let account = Account { owner: candid::Principal::anonymous(), subaccount: None };
    assert_eq!(wire::encode(&("a", &account)), wire::encode(&("a".to_owned(), account)));
    assert_eq!(wire::encode(&(&[1_u8, 2][..],)), wire::encode(&(vec![1_u8, 2],)));
}
