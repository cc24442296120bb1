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
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(ApiError::bad_request("the number in the path is not a whole number")),
        }
    }
}
