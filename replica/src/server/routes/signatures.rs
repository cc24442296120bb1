//! Checking canister signatures, which concerns no instance.

use crate::server::api::{ApiError, Body, json};
use axum::http::StatusCode;
use axum::response::Response;
use ic_canister_sig_creation::extract_raw_root_pk_from_der;
use ic_signature_verification::verify_canister_sig;
use pocket_ic::common::rest::RawVerifyCanisterSigArg;

/// Says whether a canister signed a message, and if not, why that is not so.
pub(super) async fn verify(Body(raw): Body<RawVerifyCanisterSigArg>) -> Result<Response, ApiError> {
    let verified = extract_raw_root_pk_from_der(&raw.root_pubkey)
        .and_then(|root| verify_canister_sig(&raw.msg, &raw.sig, &raw.pubkey, &root));
    let status = match verified {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::NOT_ACCEPTABLE,
    };
    Ok(json(status, &verified))
}
