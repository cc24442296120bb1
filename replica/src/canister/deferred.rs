//! Work whose result is needed later.
//!
//! A round executes one slice of a long execution. The result of the whole execution is needed in the next
//! round, at the earliest. So the rest of the execution can be deferred: it is executed when the result is
//! first needed, or before that on another thread, while the canister is used for queries and other reads.
//! Deferred work owns all that it depends on, so the result does not depend on the time at which it is
//! executed.

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};

/// Does the work.
type Work<T> = Box<dyn FnOnce() -> Mutex<Option<T>> + Send>;

/// Deferred work, or its result. Clones are the same work.
pub struct Deferred<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// The result. `None` after it was taken.
    result: LazyLock<Mutex<Option<T>>, Work<T>>,
    is_claimed: AtomicBool,
    has_ended: AtomicBool,
}

/// Records the end of the work when it is dropped, so also after a panic.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

impl<T> Clone for Deferred<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> std::fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deferred")
            .field("is_claimed", &self.0.is_claimed)
            .field("has_ended", &self.0.has_ended)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Deferred<T> {
    /// Work that is done when its result is first needed.
    pub(super) fn new(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let work: Work<T> = Box::new(|| Mutex::new(Some(work())));
        let result = LazyLock::new(work);
        Self(Arc::new(Inner { result, is_claimed: false.into(), has_ended: false.into() }))
    }

    /// Work that is done, with this result.
    pub(super) fn done(result: T) -> Self {
        let done = Self::new(|| result);
        done.execute();
        done
    }

    /// Claims the work for the thread that then calls [`execute`](Self::execute). Returns false if the work is
    /// already claimed.
    pub fn claim(&self) -> bool {
        !self.0.is_claimed.swap(true, SeqCst)
    }

    /// Gives up the claim.
    pub fn release(&self) {
        self.0.is_claimed.store(false, SeqCst);
    }

    /// Does the work, unless that was done before. If another thread does the work, waits for the end.
    ///
    /// # Panics
    ///
    /// Panics if the work panics, or has panicked before.
    pub fn execute(&self) {
        let _end = End(&self.0.has_ended);
        LazyLock::force(&self.0.result);
    }

    /// Whether the work is done, or has panicked.
    pub fn has_ended(&self) -> bool {
        self.0.has_ended.load(SeqCst)
    }

    /// Whether a thread has claimed the work and has not ended it.
    pub fn is_running(&self) -> bool {
        self.0.is_claimed.load(SeqCst) && !self.has_ended()
    }

    /// The result. Does the work if that was not done before.
    pub(super) fn result(&self) -> MappedMutexGuard<'_, T> {
        self.execute();
        MutexGuard::map(self.0.result.lock(), |result| {
            result.as_mut().expect("the result is taken at the end only")
        })
    }

    /// Takes the result. Does the work if that was not done before. No clone may ask for the result
    /// afterwards.
    pub(super) fn into_result(self) -> T {
        self.execute();
        self.0.result.lock().take().expect("the result is taken once")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn work_is_done_once_and_only_when_its_result_is_needed() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let deferred = Deferred::new(move || counted.fetch_add(1, SeqCst));
        assert!(!deferred.has_ended());
        assert_eq!(count.load(SeqCst), 0);
        assert_eq!(*deferred.result(), 0);
        deferred.execute();
        assert!(deferred.has_ended());
        assert_eq!(count.load(SeqCst), 1);
        assert_eq!(deferred.into_result(), 0);
    }

    #[test]
    fn one_thread_claims_the_work() {
        let deferred = Deferred::new(|| ());
        assert!(deferred.claim() && !deferred.clone().claim());
        assert!(deferred.is_running());
        deferred.release();
        assert!(!deferred.is_running() && deferred.claim());
        deferred.execute();
        assert!(!deferred.is_running());
    }

    #[test]
    fn a_panic_ends_the_work_and_reaches_everybody_who_needs_the_result() {
        let deferred = Deferred::<()>::new(|| panic!("for a test"));
        for _ in 0..2 {
            let needed = deferred.clone();
            let needs = std::panic::AssertUnwindSafe(|| needed.into_result());
            assert!(std::panic::catch_unwind(needs).is_err());
            assert!(deferred.has_ended());
        }
    }
}
