//! What a server holds for its clients at the same time: connections, bodies of requests, and responses. All
//! of it is bounded, so that clients that send without end, or that read nothing, do not use up the memory of
//! the machine.

use crate::limits::{BODIES_BYTES_MAX, CONNECTIONS_MAX, COUNTED_BODY_BYTES_MIN};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Bytes of a body that are counted, and sent, at once.
const STEP_BYTES: usize = COUNTED_BODY_BYTES_MIN;

/// Time between two attempts to have other connections closed.
const CROWDED_INTERVAL: Duration = Duration::from_millis(10);

/// The load of a server and of its gateways.
#[derive(Debug)]
pub(super) struct Load {
    connections: Arc<Semaphore>,
    /// Notified when a client waits for a connection.
    crowded: Notify,
    /// One permit for each step of [`STEP_BYTES`].
    bodies: Arc<Semaphore>,
}

impl Default for Load {
    fn default() -> Self {
        Self::new(CONNECTIONS_MAX, BODIES_BYTES_MAX)
    }
}

/// The server holds as many bytes of bodies as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server holds too many bytes of requests and of responses that nobody has read yet: read the other \
     responses first. A query, or a request with a large body, can then be sent again; another request may have \
     been executed although its response was dropped"
)]
pub(super) struct Overloaded;

impl Load {
    /// The load of a server with these bounds.
    pub(super) fn new(connections_max: usize, bodies_bytes_max: usize) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections_max)),
            crowded: Notify::new(),
            bodies: Arc::new(Semaphore::new(bodies_bytes_max / STEP_BYTES)),
        }
    }

    /// Waits until another connection is allowed. The connection counts until the returned value is dropped.
    pub(super) async fn connection(&self) -> OwnedSemaphorePermit {
        loop {
            let permit = self.connections.clone().acquire_owned();
            match tokio::time::timeout(CROWDED_INTERVAL, permit).await {
                Ok(permit) => return permit.expect("nobody closes the semaphore"),
                Err(_) => self.crowded.notify_waiters(),
            }
        }
    }

    /// Waits until a client waits for a connection.
    pub(super) async fn crowded(&self) {
        self.crowded.notified().await;
    }

    /// Counts a large response until the client has read it, and sends it in pieces.
    ///
    /// # Errors
    ///
    /// Fails if the server already holds too many bytes. Then the response is dropped.
    pub(super) fn hold(&self, response: Response) -> Result<Response, Overloaded> {
        let bytes = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
        if bytes < COUNTED_BODY_BYTES_MIN {
            return Ok(response);
        }
        let counted = self.count(bytes.div_ceil(STEP_BYTES))?;
        Ok(response.map(|body| with_body(body, counted)))
    }

    /// Counts this number of steps until the returned value is dropped.
    fn count(&self, steps: usize) -> Result<OwnedSemaphorePermit, Overloaded> {
        let steps = u32::try_from(steps).map_err(|_| Overloaded)?;
        self.bodies.clone().try_acquire_many_owned(steps).map_err(|_| Overloaded)
    }
}

/// The bytes that the server holds for one request: its body, and what a handler makes of the body. They
/// count until the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct RequestBytes {
    load: Arc<Load>,
    counted: Arc<Mutex<Counted>>,
}

#[derive(Debug, Default)]
struct Counted {
    bytes: usize,
    permits: Vec<OwnedSemaphorePermit>,
}

impl RequestBytes {
    /// A request of which nothing is read yet.
    pub(super) fn new(load: Arc<Load>) -> Self {
        Self { load, counted: Arc::default() }
    }

    /// Adds bytes. The first [`COUNTED_BODY_BYTES_MIN`] bytes of a request are free.
    ///
    /// # Errors
    ///
    /// Fails if the server already holds too many bytes.
    pub(super) fn add(&self, bytes: usize) -> Result<(), Overloaded> {
        let mut counted = self.counted.lock();
        let after = counted.bytes.saturating_add(bytes);
        let steps = after / STEP_BYTES - counted.bytes / STEP_BYTES;
        if steps > 0 {
            let permit = self.load.count(steps)?;
            counted.permits.push(permit);
        }
        counted.bytes = after;
        Ok(())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestBytes {
    type Rejection = Infallible;

    /// The bytes of this request. A request that came over no connection has a load of its own.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let own = parts.extensions.get().cloned();
        Ok(own.unwrap_or_else(|| Self::new(Arc::default())))
    }
}

/// A body that is sent in pieces, so that a large one leaves the memory only as the client reads it. `held`
/// is dropped once nearly all of the body is sent.
pub(super) fn with_body<T: Send + Unpin + 'static>(body: Body, held: T) -> Body {
    Body::new(SentBody { body, rest: Bytes::new(), _held: held })
}

struct SentBody<T> {
    body: Body,
    /// The part of the last frame that is not sent yet.
    rest: Bytes,
    _held: T,
}

impl<T: Unpin> HttpBody for SentBody<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let piece = self.rest.len().min(STEP_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, mut hint) = (self.rest.len() as u64, self.body.size_hint());
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(bytes: usize) -> Response {
        Response::new(Body::from(vec![7; bytes]))
    }

    #[tokio::test]
    async fn responses_count_until_they_are_read_and_small_ones_do_not_count() {
        let load = Load::new(1, 4 * STEP_BYTES);
        let large = load.hold(response(3 * STEP_BYTES)).expect("there is room");
        assert_eq!(large.body().size_hint().exact(), Some(3 * STEP_BYTES as u64));
        load.hold(response(2 * STEP_BYTES)).expect_err("there is no room for both");
        load.hold(response(STEP_BYTES - 1)).expect("it does not count");
        let read = axum::body::to_bytes(large.into_body(), usize::MAX).await.expect("it is sent");
        assert_eq!(read, vec![7; 3 * STEP_BYTES]);
        load.hold(response(4 * STEP_BYTES)).expect("there is room again");
    }

    #[test]
    fn sixty_unread_responses_of_27_megabytes_are_held_and_not_many_more() {
        const BYTES: usize = 27_000_000;
        let load = Load::default();
        // Memory that nobody writes to needs no page of the machine.
        let hold = || load.hold(Response::new(Body::from(vec![0; BYTES])));
        let mut held: Vec<_> = (0..60).map(|_| hold().expect("there is room")).collect();
        while let Ok(response) = hold() {
            held.push(response);
            assert!(held.len() * BYTES <= BODIES_BYTES_MAX, "{} responses", held.len());
        }
        held.truncate(59);
        held.push(hold().expect("there is room again"));
    }

    #[test]
    fn the_bytes_of_a_request_count_until_it_has_its_response() {
        let load = Arc::new(Load::new(1, 4 * STEP_BYTES));
        let request = RequestBytes::new(load.clone());
        for _ in 0..5 * STEP_BYTES / 1_000 {
            request.add(1_000).expect("there is room");
        }
        let other = RequestBytes::new(load.clone());
        assert_eq!(other.add(STEP_BYTES), Err(Overloaded));
        other.add(STEP_BYTES - 1).expect("the first bytes are free");
        assert_eq!(other.add(1), Err(Overloaded));
        drop(request);
        RequestBytes::new(load).add(4 * STEP_BYTES).expect("there is room again");
    }
}
