//! Extractors for the handlers of routes, except those for bodies.

use crate::server::api::ApiError;
use crate::server::instances::Instances;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use std::sync::Arc;

/// The instances of the server.
pub(super) type Shared = State<Arc<Instances>>;

/// The number of an instance or of a gateway, from the path.
pub(super) struct Id(pub(super) usize);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| number(&text));
        id.map(Self)
            .ok_or_else(|| ApiError::bad_request("the number in the path is not a whole number"))
    }
}

/// Parses a number as the server writes it: in decimal digits, without a sign or zeros before it.
pub(super) fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number: &usize| number.to_string() == text)
}
