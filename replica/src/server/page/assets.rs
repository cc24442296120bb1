//! The files of the page.

use crate::server::api::ApiError;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The files below `/page/`: name, content.
const FILES: &[(&str, &str)] = &[
    ("canister.js", include_str!("assets/canister.js")),
    ("connection.js", include_str!("assets/connection.js")),
    ("dom.js", include_str!("assets/dom.js")),
    ("groups.js", include_str!("assets/groups.js")),
    ("log.js", include_str!("assets/log.js")),
    ("main.js", include_str!("assets/main.js")),
    ("network.js", include_str!("assets/network.js")),
    ("page.css", include_str!("assets/page.css")),
    ("store.js", include_str!("assets/store.js")),
    ("timeline.js", include_str!("assets/timeline.js")),
    ("token.js", include_str!("assets/token.js")),
    ("words.js", include_str!("assets/words.js")),
];

/// The document of the page.
pub(super) async fn index() -> Response {
    file("index.html", include_str!("assets/index.html"))
}

/// A file of the page.
pub(super) async fn other(Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = FILES.iter().find(|(file, _)| *file == name);
    let (name, content) = found.ok_or_else(|| {
        ApiError::not_found(format!("the page has no file with the name '{name}'"))
    })?;
    Ok(file(name, content))
}

fn file(name: &str, content: &'static str) -> Response {
    let content_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    };
    // Another version of the program may serve another page at the same address.
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-cache")], content)
        .into_response()
}
