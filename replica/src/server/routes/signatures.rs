//! Verifying canister signatures. This does not concern an instance.

use crate::server::api::{ApiError, JsonBody};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ic_canister_sig_creation::extract_raw_root_pk_from_der;
use ic_signature_verification::verify_canister_sig;
use pocket_ic::common::rest::RawVerifyCanisterSigArg;

/// Verifies that a canister signed a message. If it did not, the response says why the signature is
/// invalid.
pub(super) async fn verify(
    JsonBody(raw): JsonBody<RawVerifyCanisterSigArg>,
) -> Result<Response, ApiError> {
    let verified = extract_raw_root_pk_from_der(&raw.root_pubkey)
        .and_then(|root| verify_canister_sig(&raw.msg, &raw.sig, &raw.pubkey, &root));
    let status = match verified {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::NOT_ACCEPTABLE,
    };
    Ok((status, Json(verified)).into_response())
}
