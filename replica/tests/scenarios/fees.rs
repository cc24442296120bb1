//! Fees that depend on the encoding of messages.

use embedded_replica::instance::CanisterCall;
use embedded_replica::types::Cycles;

/// What taking in a message costs: the message, and each byte of its envelope.
pub fn ingress_fee(call: &CanisterCall) -> Cycles {
    let parts = [
        call.sender.as_slice().len(),
        call.canister.as_slice().len(),
        call.method.len(),
        call.argument.len(),
    ];
    let bytes =
        ENVELOPE_BYTES + parts.map(|bytes| bytes + length_bytes(bytes)).iter().sum::<usize>();
    1_200_000 + 2_000 * bytes as Cycles
}

/// The bytes of an envelope besides the call: field names, expiry, nonce, and types of the parts.
const ENVELOPE_BYTES: usize = 110;

/// The bytes that CBOR needs to state the length of a part, besides the byte that states its type.
fn length_bytes(bytes: usize) -> usize {
    match bytes {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        _ => 4,
    }
}
