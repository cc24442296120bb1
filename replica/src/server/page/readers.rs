//! Watches an instance while pages are open. While no page is open, the instance makes no notices.

use super::state::NetworkState;
use crate::instance::Instance;
use crate::limits::{
    PAGE_CALLS_INTERVAL, PAGE_LINGER, PAGE_READERS_MAX, PAGE_STATE_BYTES_PER_SECOND,
    PAGE_STATE_INTERVAL, WATCHED_CALLS_PER_SECOND,
};
use crate::server::api::ApiError;
use crate::server::hosted::HostedInstance;
use crate::server::watch::{Feed, message};
use axum::body::Bytes;
use axum::http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// An open page.
pub(in crate::server) struct Reader {
    hosted: Arc<HostedInstance>,
    /// The messages with all that happened before.
    pub(super) backlog: Vec<Bytes>,
    /// The messages from now on.
    pub(super) messages: broadcast::Receiver<Bytes>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hosted.watch.readers.fetch_sub(1, Relaxed);
        self.hosted.watch.wake();
    }
}

/// Opens a page. If it is the first one, the instance is watched from now on.
///
/// # Errors
///
/// Fails if the instance is gone, or if too many pages are open.
pub(in crate::server) async fn open(hosted: &Arc<HostedInstance>) -> Result<Reader, ApiError> {
    let watch = &hosted.watch;
    let _changing = watch.changing.lock().await;
    if watch.readers.load(Relaxed) >= PAGE_READERS_MAX {
        return Err(ApiError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: format!("{PAGE_READERS_MAX} pages of this network are open: close one first"),
        });
    }
    if watch.feed.lock().is_none() {
        let begin = |instance: &mut Instance| *watch.feed.lock() = Some(Feed::begin(instance));
        hosted.access(begin).await?;
        tokio::spawn(send_changes(hosted.clone()));
    }
    let (backlog, messages) = match &mut *watch.feed.lock() {
        Some(feed) => feed.subscribe(),
        None => return Err(ApiError::internal("the network is not watched any more: try again")),
    };
    watch.readers.fetch_add(1, Relaxed);
    watch.wake();
    Ok(Reader { hosted: hosted.clone(), backlog, messages })
}

/// Sends messages to the pages of an instance, until a while after the last page was closed, or until the instance is
/// gone.
async fn send_changes(hosted: Arc<HostedInstance>) {
    let watch = &hosted.watch;
    let mut state = States::default();
    let mut allowance = Allowance { at: Instant::now() };
    loop {
        match state.due {
            Some(due) => tokio::select! {
                () = watch.woken.notified() => {}
                () = sleep_until(due) => {}
            },
            None => watch.woken.notified().await,
        }
        if watch.readers.load(Relaxed) == 0 && end(&hosted).await {
            return;
        }
        if let Some(feed) = &mut *watch.feed.lock() {
            feed.allow(allowance.take());
            feed.send_changes();
        }
        if state.send(&hosted).await.is_err() {
            // All pages get the end of their messages.
            *watch.feed.lock() = None;
            return;
        }
        sleep(PAGE_CALLS_INTERVAL).await;
    }
}

/// Waits a while for a page to be opened. If there is none, the instance is not watched any more, and the result is
/// true.
async fn end(hosted: &Arc<HostedInstance>) -> bool {
    let watch = &hosted.watch;
    let opened = async {
        while watch.readers.load(Relaxed) == 0 && !hosted.is_gone() {
            watch.woken.notified().await;
        }
    };
    if timeout(PAGE_LINGER, opened).await.is_ok() {
        return false;
    }
    let _changing = watch.changing.lock().await;
    if watch.readers.load(Relaxed) > 0 {
        return false;
    }
    // The only possible error is that the instance is gone.
    let _ = hosted.access(Instance::end_watch).await;
    *watch.feed.lock() = None;
    true
}

/// The messages about the state of a network.
#[derive(Default)]
struct States {
    last: Option<NetworkState>,
    /// When the next message may be sent.
    earliest: Option<Instant>,
    /// When the next message is to be sent, if one waits.
    due: Option<Instant>,
}

impl States {
    /// Sends the state, if it has changed, unless the last message was just now: then later.
    ///
    /// # Errors
    ///
    /// Fails if the instance is gone.
    async fn send(&mut self, hosted: &HostedInstance) -> Result<(), ApiError> {
        self.due = self.earliest.filter(|earliest| *earliest > Instant::now());
        if self.due.is_some() {
            return Ok(());
        }
        let state = NetworkState::read(hosted).await?;
        self.earliest = Some(Instant::now() + PAGE_STATE_INTERVAL);
        if self.last.as_ref().is_some_and(|last| !state.differs_from(last)) {
            return Ok(());
        }
        let text = message("state", &state);
        let bytes = text.as_ref().map_or(0, Bytes::len) as u64;
        let transfer = Duration::from_millis(bytes * 1_000 / PAGE_STATE_BYTES_PER_SECOND);
        self.earliest = Some(Instant::now() + PAGE_STATE_INTERVAL.max(transfer));
        self.last = Some(state);
        if let Some(feed) = &mut *hosted.watch.feed.lock() {
            feed.send(text);
        }
        Ok(())
    }
}

/// How many calls pages may show, which grows with time.
struct Allowance {
    at: Instant,
}

impl Allowance {
    /// The calls that may be shown more than the last time.
    fn take(&mut self) -> u64 {
        let millis = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let calls = millis.saturating_mul(WATCHED_CALLS_PER_SECOND) / 1_000;
        if calls > 0 {
            self.at = Instant::now();
        }
        calls
    }
}

#[cfg(test)]
mod tests;
