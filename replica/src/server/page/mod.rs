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
use axum::routing::{MethodRouter, get, post};
#[cfg(test)]
pub(super) use readers::open;

/// All routes of the page. A test sends to each of them what others may send.
fn route_list<S: Clone + Send + Sync + 'static>() -> [(&'static str, MethodRouter<S>); 6] {
    [
        ("/", get(assets::index)),
        ("/page/{name}", get(assets::other)),
        ("/page/state", get(state::read)),
        ("/page/events", get(events::read)),
        ("/page/canisters/{id}/interface", get(interface::read)),
        ("/page/calls", post(calls::make)),
    ]
}

/// The routes of the page. Around them, there must be a layer that adds the instance to the request
/// ([`Hosted`](crate::server::agents::Hosted)). Other origins get no permission to read the responses.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(
    names: Names,
    token: Token,
    stop: StopSignal,
) -> Router<S> {
    let add = |router: Router<S>, (path, handlers)| router.route(path, handlers);
    route_list()
        .into_iter()
        .fold(Router::new(), add)
        .layer(Extension(stop))
        .route_layer(from_fn_with_state(Access { names, token }, access::check))
        .route_layer(from_fn(access::protect))
}

#[cfg(test)]
mod tests;
