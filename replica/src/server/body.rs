//! The bodies of requests: read as a whole, if they come in time.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use std::time::Duration;

/// How long the body of a request may take to arrive; an extension of requests, for other than the
/// usual time.
#[derive(Clone, Copy, Debug)]
struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// Why there is no body, with the status that says so.
#[derive(Debug)]
pub(super) struct NoBody {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

/// Reads all of a request's body.
pub(super) async fn read(request: Request) -> Result<Bytes, NoBody> {
    let Patience(patience) = request.extensions().get().copied().unwrap_or_default();
    match tokio::time::timeout(patience, Bytes::from_request(request, &())).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) => {
            Err(NoBody { status: rejection.status(), text: rejection.body_text() })
        }
        Err(_) => Err(NoBody {
            status: StatusCode::REQUEST_TIMEOUT,
            text: format!("the request's body did not arrive within {patience:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::api::{Body, Whole};
    use crate::server::connections::{HEAD_PATIENCE, listen, serve};
    use axum::Router;
    use axum::extract::Extension;
    use axum::routing::post;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_408_and_one_that_does_is_read() {
        let router = Router::new()
            .route("/all", post(async |Whole(_): Whole| ()))
            .route("/json", post(async |Body(_): Body<u64>| ()))
            .layer(Extension(Patience(Duration::from_millis(50))));
        let listener = listen((Ipv4Addr::LOCALHOST.into(), 0)).expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let server = tokio::spawn(serve(listener, router, HEAD_PATIENCE));
        for (path, sent, expected) in [
            ("/all", "123456789", "200"),
            ("/all", "123", "408"),
            ("/json", "123456789", "200"),
            ("/json", "123", "408"),
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 9\r\n\r\n{sent}"
            );
            let mut connection = TcpStream::connect(address).await.expect("it listens");
            connection.write_all(head.as_bytes()).await.expect("it reads");
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await.expect("it answers");
            assert_eq!(answer.split(' ').nth(1), Some(expected), "{path}: {answer}");
        }
        server.abort();
    }
}
