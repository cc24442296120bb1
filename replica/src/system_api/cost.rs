//! Functions that quote prices, without charging them.

use super::cycles::put;
use super::functions::*;
use super::{Pointer, SystemResult, contract, enter, read};
use crate::cycles::http::Outcall;
use crate::limits::{OUTCALL_DECODING_QUOTA, OUTCALL_SKIPPING_QUOTA};
use crate::system_api::Host;
use candid::DecoderConfig;
use wasmtime::{Caller, Linker};

type C<'a> = Caller<'a, Host>;

/// Error codes of the functions that quote the price of a signature (interface specification,
/// "Cycle cost calculation").
const UNKNOWN_CURVE_OR_ALGORITHM: u32 = 1;
const UNKNOWN_KEY: u32 = 2;

pub(super) fn link<P: Pointer>(linker: &mut Linker<Host>) -> SystemResult<()> {
    linker.func_wrap(
        "ic0",
        COST_CALL.name,
        |mut c: C<'_>, method_bytes: u64, argument_bytes: u64, dst: P| {
            enter(&mut c, COST_CALL, 0)?;
            let environment = &c.data().input.environment;
            // The quote is for a subnet of the reference size, even on a larger subnet
            // (`cycles_account_manager`, `xnet_call_total_fee`).
            let price = environment
                .prices
                .reference()
                .call(method_bytes.saturating_add(argument_bytes), environment.wasm64);
            put(&mut c, dst, price.total())
        },
    )?;
    linker.func_wrap("ic0", COST_CREATE_CANISTER.name, |mut c: C<'_>, dst: P| {
        enter(&mut c, COST_CREATE_CANISTER, 0)?;
        let prices = c.data().input.environment.prices;
        put(&mut c, dst, prices.canister_creation())
    })?;
    linker.func_wrap(
        "ic0",
        COST_HTTP_REQUEST.name,
        |mut c: C<'_>, request_bytes: u64, response_bytes: u64, dst: P| {
            enter(&mut c, COST_HTTP_REQUEST, 0)?;
            let prices = c.data().input.environment.prices;
            put(&mut c, dst, prices.http_request(request_bytes, response_bytes))
        },
    )?;
    linker.func_wrap(
        "ic0",
        COST_HTTP_REQUEST_V2.name,
        |mut c: C<'_>, src: P, size: P, dst: P| {
            enter(&mut c, COST_HTTP_REQUEST_V2, 0)?;
            let parameters = read(&mut c, src.wide(), size.wide())?;
            let outcall = decode(&parameters)?;
            let prices = c.data().input.environment.prices;
            put(&mut c, dst, prices.outcall(&outcall))
        },
    )?;
    // The number of curves or algorithms: secp256k1; BIP-340 and Ed25519; BLS12-381.
    for (function, known) in
        [(COST_SIGN_WITH_ECDSA, 1), (COST_SIGN_WITH_SCHNORR, 2), (COST_VETKD_DERIVE_KEY, 1)]
    {
        linker.func_wrap(
            "ic0",
            function.name,
            move |mut c: C<'_>, src: P, size: P, curve: u32, _dst: P| {
                enter(&mut c, function, size.wide())?;
                let name = read(&mut c, src.wide(), size.wide())?;
                std::str::from_utf8(&name)
                    .map_err(|_| contract("the name of a key must be valid UTF-8"))?;
                // No subnet holds a threshold key, so no key name is known.
                Ok(if curve < known { UNKNOWN_KEY } else { UNKNOWN_CURVE_OR_ALGORITHM })
            },
        )?;
    }
    Ok(())
}

fn decode(parameters: &[u8]) -> SystemResult<Outcall> {
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(OUTCALL_DECODING_QUOTA);
    config.set_skipping_quota(OUTCALL_SKIPPING_QUOTA);
    candid::utils::decode_one_with_config(parameters, &config)
        .map_err(|error| contract(format!("the outcall's parameters cannot be decoded: {error}")))
}
