//! What happens on a network, sent to pages as it happens: server-sent events.

use super::state::NetworkState;
use crate::limits::{PAGE_COMMENT_INTERVAL, PAGE_STATE_INTERVAL};
use crate::server::agents::Hosted;
use crate::server::background::StopSignal;
use crate::server::hosted::HostedInstance;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// The body of a response whose parts are made one after the other.
struct EventBody(Receiver<Bytes>);

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
    }
}

/// The response with the events of the network, which ends when the server ends.
pub(super) async fn read(
    Extension(hosted): Hosted,
    Extension(stop): Extension<StopSignal>,
) -> Response {
    let (sender, parts) = channel(1);
    tokio::spawn(async move {
        tokio::select! {
            _ = send(&hosted, sender) => {}
            () = stop.given() => {}
        }
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (head, Body::new(EventBody(parts))).into_response()
}

/// Sends events until the page is gone. `None` at the end.
async fn send(hosted: &Arc<HostedInstance>, sender: Sender<Bytes>) -> Option<()> {
    let mut last: Option<NetworkState> = None;
    loop {
        let changed = hosted.next_round();
        let state = hosted.read(NetworkState::of).await.ok()?;
        if last.as_ref().is_none_or(|last| state.differs_from(last)) {
            sender.send(event("state", &state)?).await.ok()?;
            last = Some(state);
            tokio::time::sleep(PAGE_STATE_INTERVAL).await;
            continue;
        }
        if timeout(PAGE_COMMENT_INTERVAL, changed).await.is_err() {
            sender.send(Bytes::from_static(b":\n\n")).await.ok()?;
        }
    }
}

/// One event.
fn event(name: &str, data: &impl Serialize) -> Option<Bytes> {
    let data = serde_json::to_string(data).ok()?;
    Some(format!("event: {name}\ndata: {data}\n\n").into())
}
