//! Messages to pages, as text: server-sent events.

use axum::body::Bytes;
use serde::Serialize;

/// One message: the name of the event, and the data.
pub(in crate::server) fn message(name: &str, data: &impl Serialize) -> Option<Bytes> {
    let data = serde_json::to_string(data).ok()?;
    Some(format!("event: {name}\ndata: {data}\n\n").into())
}
