//! The status of the network. It has the root key, which an agent needs to verify certificates.

use super::extract::Hosted;
use super::response::{AgentResult, Cbor};
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

/// Does not wait for the instance, which may be busy for long.
pub(super) async fn status(Extension(hosted): Hosted) -> AgentResult<Cbor<Status>> {
    Ok(Cbor(Status {
        impl_version: concat!("embedded-replica ", env!("CARGO_PKG_VERSION")),
        replica_health_status: "healthy",
        certified_height: hosted.height()?,
        root_key: ByteBuf::from(hosted.root_key().public_key_der()),
    }))
}
