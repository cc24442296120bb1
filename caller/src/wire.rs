//! The few Candid messages this canister reads and writes, encoded by hand.
//!
//! The general codec of the `candid` crate would make the module five times as large. The tests hold the two against
//! each other.

use candid::Principal;

/// The start of every Candid message, here followed by an empty table of types: none of ours needs an entry.
const HEADER: &[u8] = b"DIDL\0";

/// What Candid calls the types we use (`nat64` and `principal`).
const NAT64: u8 = 0x78;
const PRINCIPAL: u8 = 0x68;

/// The reply `()`.
pub const NOTHING: &[u8] = b"DIDL\0\0";

/// The reply `(nat64)`.
pub fn encode(number: u64) -> Vec<u8> {
    [HEADER, &[1, NAT64], &number.to_le_bytes()].concat()
}

/// Decodes the argument `(nat64)`; traps on any other, as endpoints of `ic-cdk` do.
pub fn nat64(message: Vec<u8>) -> u64 {
    decode_nat64(&message).unwrap_or_else(|| ic_cdk::trap("the argument must be one nat64"))
}

/// Decodes the argument `(principal)`; traps on any other, as endpoints of `ic-cdk` do.
pub fn principal(message: Vec<u8>) -> Principal {
    decode_principal(&message).unwrap_or_else(|| ic_cdk::trap("the argument must be one principal"))
}

fn decode_nat64(message: &[u8]) -> Option<u64> {
    let number = value(message, NAT64)?;
    Some(u64::from_le_bytes(number.try_into().ok()?))
}

fn decode_principal(message: &[u8]) -> Option<Principal> {
    // A marker says that the id itself follows, and not a reference to it; then comes its length, one byte since
    // no id is longer than 29.
    let (&[1, length], id) = value(message, PRINCIPAL)?.split_first_chunk()? else {
        return None;
    };
    if id.len() != usize::from(length) {
        return None;
    }
    Principal::try_from_slice(id).ok()
}

/// The bytes of the one value of type `kind` in a message.
fn value(message: &[u8], kind: u8) -> Option<&[u8]> {
    message.strip_prefix(HEADER)?.strip_prefix(&[1, kind])
}

#[cfg(test)]
mod tests {
    use super::*;
    use candid::{encode_args, encode_one};

    const NUMBERS: [u64; 6] = [0, 1, 90, 2_000, 1 << 32, u64::MAX];

    fn principals() -> [Principal; 4] {
        [
            Principal::management_canister(),
            Principal::anonymous(),
            Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 7, 1, 1]),
            Principal::self_authenticating([1, 2, 3]),
        ]
    }

    #[test]
    fn replies_are_what_candid_writes() {
        assert_eq!(NOTHING, encode_args(()).expect("encodes"));
        for number in NUMBERS {
            assert_eq!(encode(number), encode_one(number).expect("encodes"));
        }
    }

    #[test]
    fn arguments_written_by_candid_are_read() {
        for number in NUMBERS {
            let message = encode_one(number).expect("encodes");
            assert_eq!(decode_nat64(&message), Some(number));
        }
        for principal in principals() {
            let message = encode_one(principal).expect("encodes");
            assert_eq!(decode_principal(&message), Some(principal));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let number = encode_one(90_u64).expect("encodes");
        let principal = encode_one(principals()[2]).expect("encodes");
        for message in [
            Vec::new(),
            NOTHING.to_vec(),
            encode_one(90_u32).expect("encodes"),
            encode_one("90").expect("encodes"),
            encode_args((90_u64, 90_u64)).expect("encodes"),
            [number.clone(), vec![0]].concat(),
            [principal.clone(), vec![0]].concat(),
        ] {
            assert_eq!(decode_nat64(&message), None, "{message:?}");
            assert_eq!(decode_principal(&message), None, "{message:?}");
        }
        for end in 0..number.len() {
            assert_eq!(decode_nat64(&number[..end]), None);
        }
        for end in 0..principal.len() {
            assert_eq!(decode_principal(&principal[..end]), None);
        }
        let long = [HEADER, &[1, PRINCIPAL, 1, 30], &[7; 30]].concat();
        assert_eq!(decode_principal(&long), None);
    }
}
