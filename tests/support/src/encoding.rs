//! Candid of one value, for tests that know the types.

use candid::{CandidType, Deserialize, decode_one, encode_args, encode_one};

/// The argument of a method that takes none.
pub fn nothing() -> Vec<u8> {
    encode_args(()).expect("no value is Candid")
}

/// The reply of a method without results, as `ic-cdk` encodes it: one `null`, which every client takes for `()`.
pub fn no_result() -> Vec<u8> {
    encode_one(()).expect("`null` is Candid")
}

/// Candid of one value.
pub fn encode(value: impl CandidType) -> Vec<u8> {
    encode_one(value).expect("the value has a Candid type")
}

/// The one value of a reply.
pub fn decode<T: CandidType + for<'a> Deserialize<'a>>(reply: &[u8]) -> T {
    decode_one(reply).expect("the reply has the type of the interface")
}
