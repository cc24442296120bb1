//! What pages get to know of an instance while one of them is open. While no page is open, the instance makes no
//! notices.

mod feed;
mod lines;
mod message;

use crate::instance::Instance;
pub(super) use feed::Feed;
pub(super) use message::message;
use parking_lot::Mutex;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Notify;

/// What pages get to know of an instance.
#[derive(Debug, Default)]
pub(in crate::server) struct Watch {
    /// `None` while the instance is not watched.
    pub(in crate::server) feed: Mutex<Option<Feed>>,
    /// Held by whoever begins or ends to watch.
    pub(in crate::server) changing: tokio::sync::Mutex<()>,
    /// The number of open pages.
    pub(in crate::server) readers: AtomicUsize,
    /// Notified when the instance may have changed, and when a page is opened or closed.
    pub(in crate::server) woken: Notify,
}

impl Watch {
    /// Reads what has happened on the instance, after somebody has used it.
    pub(in crate::server) fn read(&self, instance: &Instance) {
        if let Some(feed) = &mut *self.feed.lock() {
            feed.read(instance);
            self.wake();
        }
    }

    /// Has the task that sends messages look for changes.
    pub(in crate::server) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Whether the instance is watched.
    #[cfg(test)]
    pub(in crate::server) fn is_on(&self) -> bool {
        self.feed.lock().is_some()
    }
}
