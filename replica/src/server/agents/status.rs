//! What there is to know of the network before anything can be checked.

use super::Asked;
use super::answer::{AgentResult, Cbor};
use axum::extract::Extension;
use serde::Serialize;
use serde_bytes::ByteBuf;

#[derive(Serialize)]
pub(super) struct Status {
    impl_version: &'static str,
    replica_health_status: &'static str,
    certified_height: u64,
    root_key: ByteBuf,
}

/// Answers even while the instance executes something, since that may take long.
pub(super) async fn status(Extension(slot): Asked) -> AgentResult<Cbor<Status>> {
    Ok(Cbor(Status {
        impl_version: concat!("embedded-replica ", env!("CARGO_PKG_VERSION")),
        replica_health_status: "healthy",
        certified_height: slot.height()?,
        root_key: ByteBuf::from(slot.root_key().public_key_der()),
    }))
}
