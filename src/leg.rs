//! Different calls to different callees, each with a reply of its own type and a default.

use std::time::Duration;

use crate::strategies::call;
use crate::{Failure, Outcome, Reason, Request, Retry, Transport, Wait};

/// One of several different calls that are made together: the request, how to decode the reply, and a default value to
/// use if there is no reply.
///
/// Await several legs together, for instance with `futures::future::join3`. All are sent at once. A leg that fails does
/// not affect the others. Each leg without a retry takes at most as long as its request [waits](Leg::within).
///
/// A leg is tried once. If no slot is free at that moment, for instance because a large window to the same callee
/// leaves none, the leg fails at once with [`Reason::QueueFull`]. (A [planned](crate::Plan) window leaves 50 slots.)
/// A leg [with a retry](Leg::with_retry) waits for a slot instead.
///
/// ```
/// # use ic_principal::Principal;
/// # use parallel_calls::{Leg, Limits, Reason, Request, Transport, Wait, count_answered};
/// # use std::{future::{Ready, ready}, time::Duration};
/// # struct Fake;
/// # impl Transport for Fake {
/// #     type ResponseFuture = Ready<Result<Vec<u8>, Reason>>;
/// #     fn send(&self, request: &std::rc::Rc<Request>, _: Wait) -> Result<Self::ResponseFuture, Reason> {
/// #         let reply = if request.method == "balance" { Ok(vec![7]) } else { Err(Reason::Deadline("late".into())) };
/// #         Ok(ready(reply))
/// #     }
/// #     fn limits(&self, _: &Request) -> Limits { unimplemented!() }
/// #     fn is_stopping(&self) -> bool { false }
/// #     fn now(&self) -> Duration { Duration::ZERO }
/// #     async fn pause(&self, _: Duration) -> Result<(), Reason> { Ok(()) }
/// # }
/// # let transport = Fake;
/// # let (token, lending) = (Principal::anonymous(), Principal::anonymous());
/// let number = |reply: Vec<u8>| reply.first().copied().ok_or_else(|| "an empty reply".to_string());
/// let balance = Leg::new(Request::new(token, "balance"), number, 0);
/// let position =
///     Leg::new(Request::new(lending, "position"), number, 0).within(Duration::from_secs(10));
///
/// # use futures::{FutureExt, future::join};
/// # async {
/// let (balance, position) = join(balance.call(&transport), position.call(&transport)).await;
/// assert_eq!(count_answered([&balance.missing, &position.missing]), 1);
/// assert_eq!((balance.value, balance.missing), (7, None));
/// assert_eq!((position.value, position.missing), (0, Some(Reason::Deadline("late".into()))));
/// # }
/// # .now_or_never()
/// # .unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a leg makes no call before `call`"]
pub struct Leg<T, D> {
    request: Request,
    decode: D,
    default: T,
}

/// The result of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// The decoded reply, or the default.
    pub value: T,
    /// Why the value is the default. `None` if the value is the reply.
    pub missing: Option<Reason>,
}

impl<T, D> Leg<T, D>
where
    D: FnOnce(Vec<u8>) -> Result<T, String>,
{
    /// A leg that makes the call `request` and decodes its reply with `decode`. Its value is `default` if there is no
    /// reply, if `decode` fails, or if the reply [says](Request::judged_by) that the callee did nothing.
    pub fn new(request: Request, decode: D, default: T) -> Self {
        Self { request, decode, default }
    }

    /// Sets how long to wait for the response, at most. The default is the [`wait`](Request::wait) of the request.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.request = self.request.with_wait(Wait::Bounded(deadline));
        self
    }

    /// Sets how often the call is tried. Each attempt waits as long as [`within`](Self::within) says, and there are
    /// pauses between them, so a leg with several attempts can take several times as long.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.request = self.request.with_retry(retry);
        self
    }

    /// Makes the call and waits for its response.
    pub async fn call<C: Transport>(self, transport: &C) -> Part<T> {
        call(transport, self.request).await.decode(self.decode).with_default(self.default)
    }
}

impl<T> Outcome<T> {
    /// The reply, or the default and the reason why there is no reply.
    ///
    /// ```
    /// use parallel_calls::{Outcome, Part, Reason};
    ///
    /// assert_eq!(Outcome::Done(7).with_default(0), Part { value: 7, missing: None });
    /// let failed = Outcome::failed(Reason::QueueFull);
    /// assert_eq!(failed.with_default(0), Part { value: 0, missing: Some(Reason::QueueFull) });
    /// ```
    pub fn with_default(self, default: T) -> Part<T> {
        let missing = match self {
            Self::Done(value) => return Part { value, missing: None },
            Self::NotDone(Failure { reason, .. }) | Self::Unknown(Failure { reason, .. }) => reason,
            Self::ReplyDropped { .. } => Reason::Undecodable("it was dropped".into()),
        };
        Part { value: default, missing: Some(missing) }
    }
}

/// The number of legs that got a usable reply. Takes [`Part::missing`] of each leg, because the values have different
/// types.
pub fn count_answered<'p>(missing: impl IntoIterator<Item = &'p Option<Reason>>) -> u32 {
    missing.into_iter().map(|missing| u32::from(missing.is_none())).sum()
}
