//! The page of a network: what happens on the network, in a browser.
//!
//! The page shows subnets, canisters, their logs and their calls, and makes calls. Everybody who can open it can read
//! it; a request that changes something needs the [token](access::Token).

mod access;
mod assets;
mod body;
mod calls;
mod candid_text;
mod events;
mod interface;
mod readers;
mod state;
mod template;
mod types_size;

use crate::server::background::StopSignal;
use crate::server::names::Names;
use access::Access;
pub(super) use access::Token;
use axum::Router;
use axum::extract::Extension;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
#[cfg(test)]
pub(super) use readers::open;

/// The routes of the page. Around them, there must be a layer that adds the instance to the request
/// ([`Hosted`](crate::server::agents::Hosted)). Other origins get no permission to read the responses.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(
    names: Names,
    token: Token,
    stop: StopSignal,
) -> Router<S> {
    Router::new()
        .route("/", get(assets::index))
        .route("/page/{name}", get(assets::other))
        .route("/page/state", get(state::read))
        .route("/page/events", get(events::read))
        .route("/page/canisters/{id}/interface", get(interface::read))
        .route("/page/calls", post(calls::make))
        .layer(Extension(stop))
        .route_layer(from_fn_with_state(Access { names, token }, access::check))
        .route_layer(from_fn(access::protect))
}
