//! Asking both codecs to read the same message as the same type.

use std::fmt::Debug;

use candid::{CandidType, DecoderConfig, Deserialize};
use wire::{Decode, Type, WireError};

use crate::types::*;

/// A type that messages can be read as.
pub struct Expected {
    pub ty: Type,
    /// Fails when the codecs disagree about a message.
    pub assert_agreement: fn(&[u8]),
}

/// All types that are tried. There are no tuples, since `candid` reads these from nothing but tuples, while Candid
/// takes them for records.
pub const EXPECTED: &[Expected] = &[
    expected::<()>(),
    expected::<bool>(),
    expected::<u8>(),
    expected::<u64>(),
    expected::<u128>(),
    expected::<String>(),
    expected::<candid::Principal>(),
    expected::<Vec<u8>>(),
    expected::<Vec<Option<u32>>>(),
    expected::<Option<Option<u128>>>(),
    expected::<Option<Vec<Failed>>>(),
    expected::<Result<Account, Reason>>(),
    expected::<Account>(),
    expected::<Plain>(),
    expected::<Report>(),
    expected::<Nothing>(),
    expected::<Optional>(),
    expected::<Vec<Optional>>(),
    expected::<Answer>(),
];

const fn expected<T>() -> Expected
where
    T: Decode + CandidType + for<'a> Deserialize<'a> + PartialEq + Debug,
{
    Expected { ty: T::TYPE, assert_agreement: assert_agreement::<T> }
}

fn assert_agreement<T>(message: &[u8])
where
    T: Decode + CandidType + for<'a> Deserialize<'a> + PartialEq + Debug,
{
    let ours = wire::decode::<(T,)>(message);
    // Without a quota it would count to whatever number a message names.
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(10_000_000);
    match (ours, candid::decode_args_with_config::<(T,)>(message, &config)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{message:?}"),
        (Err(_), Err(_)) => {}
        (Err(WireError::TooMuch), Ok(_)) => {}
        (Ok(_), Err(error)) if is_deliberate(&format!("{error:?}")) => {}
        (ours, theirs) => panic!("{ours:?}, but candid: {theirs:?}\n{message:?}"),
    }
}

/// Does `candid` refuse what we accept because of its quota, or because it looks into types of services?
fn is_deliberate(refusal: &str) -> bool {
    let reasons = ["exceeds the limit", "Method ", "method name ", "invalid utf8"];
    reasons.iter().any(|reason| refusal.contains(reason))
}
