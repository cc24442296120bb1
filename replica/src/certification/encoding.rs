//! Encoding of values in the state tree (interface specification, "The system state tree").

use crate::types::CanisterId;
use candid::Principal;
use serde::Serialize;
use serde_bytes::Bytes;

/// The tag that marks bytes as CBOR (RFC 8949, "Self-Described CBOR").
const SELF_DESCRIBED: [u8; 3] = [0xd9, 0xd9, 0xf7];

/// Encodes a value as CBOR, with the self-describing tag.
pub fn cbor(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = SELF_DESCRIBED.to_vec();
    ciborium::into_writer(value, &mut bytes).expect("a vector takes all that is written to it");
    bytes
}

/// Encodes a number as unsigned LEB128.
pub(super) fn leb128(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    leb128::write::unsigned(&mut bytes, number).expect("a vector takes all that is written to it");
    bytes
}

/// Encodes principals as a CBOR list of byte strings.
pub(super) fn principals<'a>(principals: impl IntoIterator<Item = &'a Principal>) -> Vec<u8> {
    let bytes = |principal: &'a Principal| Bytes::new(principal.as_slice());
    cbor(&principals.into_iter().map(bytes).collect::<Vec<_>>())
}

/// Encodes ranges of canister ids as a CBOR list of pairs of byte strings.
pub(super) fn ranges(ranges: &[(CanisterId, CanisterId)]) -> Vec<u8> {
    cbor(
        &ranges
            .iter()
            .map(|(first, last)| (Bytes::new(first.as_slice()), Bytes::new(last.as_slice())))
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_principals_and_ranges_are_encoded_as_the_specification_says() {
        assert_eq!(leb128(0), [0]);
        assert_eq!(leb128(624_485), [0xe5, 0x8e, 0x26]);
        let [one, other] = [[1, 2].as_slice(), &[3]].map(Principal::from_slice);
        let list = [0xd9, 0xd9, 0xf7, 0x82, 0x42, 1, 2, 0x41, 3];
        assert_eq!(principals([&one, &other]), list);
        let pairs = [0xd9, 0xd9, 0xf7, 0x81, 0x82, 0x42, 1, 2, 0x41, 3];
        assert_eq!(ranges(&[(one.into(), other.into())]), pairs);
    }
}
