//! What happens on a network, sent to a page as it happens: server-sent events.
//!
//! `axum` has a type for such responses, too. Here, all pages share the bytes of a message, and a page that does not
//! read is cut off.

use super::body::EventBody;
use super::readers::{self, Reader};
use super::state::NetworkState;
use crate::limits::{PAGE_COMMENT_INTERVAL, PAGE_READER_TIMEOUT};
use crate::server::agents::Hosted;
use crate::server::api::ApiError;
use crate::server::background::StopSignal;
use crate::server::watch::message;
use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;

/// The response with what happens on the network. It ends with the server.
///
/// # Errors
///
/// Fails if the network has ended, or if too many pages are open.
pub(super) async fn read(
    Extension(hosted): Hosted,
    Extension(stop): Extension<StopSignal>,
) -> Result<Response, ApiError> {
    let reader = readers::open(&hosted).await?;
    let state = NetworkState::read(&hosted).await?;
    let (page, pieces) = channel(1);
    tokio::spawn(async move {
        tokio::select! {
            _ = send(reader, message("state", &state), page, PAGE_READER_TIMEOUT) => {}
            () = stop.given() => {}
        }
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, Body::new(EventBody(pieces))).into_response())
}

/// Sends messages to a page until it is gone, or is too slow: it takes nothing for `patience`, or is too far behind.
/// `None` at the end.
async fn send(
    mut reader: Reader,
    state: Option<Bytes>,
    page: Sender<Bytes>,
    patience: Duration,
) -> Option<()> {
    let send = async |message| page.send_timeout(message, patience).await.ok();
    for message in state.into_iter().chain(std::mem::take(&mut reader.backlog)) {
        send(message).await?;
    }
    loop {
        let next = tokio::select! {
            next = timeout(PAGE_COMMENT_INTERVAL, reader.messages.recv()) => next,
            () = page.closed() => return None,
        };
        let message = match next {
            Ok(next) => next.ok()?,
            Err(_) => Bytes::from_static(b":\n\n"),
        };
        send(message).await?;
    }
}

#[cfg(test)]
mod tests;
