//! Different callees at once, each answer of its own type, and a default for each that does not come.

use std::time::Duration;

use crate::transport::{Transport, call};
use crate::{Outcome, Reason, Request, Wait};

/// One of several different calls: what to ask, how to read the answer, what to assume without one.
///
/// A leg lasts as long as its request [waits](Leg::within). Await several together with `futures::future::join3` or the
/// like: none waits for another, and whatever happens to one leaves the others as they are.
///
/// ```
/// # use ic_principal::Principal;
/// # use parallel_calls::{Leg, Limits, Reason, Request, Transport, answered};
/// # use std::{future::{Ready, ready}, time::Duration};
/// # struct Script;
/// # impl Transport for Script {
/// #     type Answer = Ready<Result<Vec<u8>, Reason>>;
/// #     fn send(&self, request: &std::rc::Rc<Request>) -> Result<Self::Answer, Reason> {
/// #         let reply = if request.method == "balance" { Ok(vec![7]) } else { Err(Reason::Deadline("late".into())) };
/// #         Ok(ready(reply))
/// #     }
/// #     fn limits(&self, _: &Request) -> Limits { unimplemented!() }
/// #     fn is_stopping(&self) -> bool { false }
/// #     fn now(&self) -> Duration { Duration::ZERO }
/// #     async fn pause(&self, _: Duration) -> Result<(), Reason> { Ok(()) }
/// # }
/// # let transport = Script;
/// # let (token, lending) = (Principal::anonymous(), Principal::anonymous());
/// let number = |reply: Vec<u8>| reply.first().copied().ok_or_else(|| "an empty reply".to_string());
/// let balance = Leg::new(Request::new(token, "balance"), number, 0);
/// let position =
///     Leg::new(Request::new(lending, "position"), number, 0).within(Duration::from_secs(10));
///
/// # use futures::{FutureExt, future::join};
/// # async {
/// let (balance, position) = join(balance.collect(&transport), position.collect(&transport)).await;
/// assert_eq!(answered([&balance.missing, &position.missing]), 1);
/// assert_eq!((balance.value, balance.missing), (7, None));
/// assert_eq!((position.value, position.missing), (0, Some(Reason::Deadline("late".into()))));
/// # }
/// # .now_or_never()
/// # .unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Leg<T, D> {
    request: Request,
    decode: D,
    default: T,
}

/// What a leg brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// The answer, or the default.
    pub value: T,
    /// Why it is the default.
    pub missing: Option<Reason>,
}

impl<T, D> Leg<T, D>
where
    D: FnOnce(Vec<u8>) -> Result<T, String>,
{
    /// Asks `request`, reads the reply with `decode`, and assumes `default` where there is no readable reply.
    pub fn new(request: Request, decode: D, default: T) -> Self {
        Self { request, decode, default }
    }

    /// The same leg, which waits this long for its answer; five minutes, if nobody says.
    pub fn within(mut self, deadline: Duration) -> Self {
        self.request = self.request.with_wait(Wait::Bounded(deadline));
        self
    }

    /// Makes the call and waits for its end.
    pub async fn collect<C: Transport>(self, transport: &C) -> Part<T> {
        match call(transport, self.request).await.decode(self.decode) {
            Outcome::Done(value) => Part { value, missing: None },
            Outcome::NotDone(reason) | Outcome::Unknown(reason) => {
                Part { value: self.default, missing: Some(reason) }
            }
        }
    }
}

/// How many parts were answered, of whatever types, by what they are missing.
pub fn answered<'p>(missing: impl IntoIterator<Item = &'p Option<Reason>>) -> u32 {
    missing.into_iter().map(|missing| u32::from(missing.is_none())).sum()
}
