//! Arguments and replies with types, encoded with Candid.

use std::borrow::Cow;
use std::rc::Rc;

use candid::utils::ArgumentEncoder;
use candid::{CandidType, DecoderConfig, Deserialize, decode_one_with_config, encode_args};
use ic_principal::Principal;

use crate::{FanOut, Leg, Outcome, Request, Retry, Transport, Verdict, Window};

/// Work for decoding one reply, at most, in the units of `candid`. A hostile callee can reply with 2 MiB that take much
/// longer to decode than to send. Replies that callees usually send need a small part of this.
const DECODING_QUOTA: usize = 50_000_000;

/// The same for parts of a reply that the type does not have.
const SKIPPING_QUOTA: usize = 10_000;

/// Why a callee did not do what was asked, as it says in its reply.
///
/// Implement this trait for the error of a method that replies `variant { Ok : …; Err : … }`. Then
/// [`Request::replying`] makes the library count and repeat its calls by the error.
///
/// ```
/// use candid::{CandidType, Nat, Principal, encode_one};
/// use parallel_calls::{ReplyError, Request, Verdict};
/// use serde::Deserialize;
///
/// #[derive(CandidType, Deserialize, Debug)]
/// enum TransferError {
///     InsufficientFunds { balance: Nat },
///     Duplicate { duplicate_of: Nat },
///     TemporarilyUnavailable,
///     // Name all errors of the ledger.
/// }
///
/// impl ReplyError for TransferError {
///     fn verdict(&self) -> Verdict {
///         match self {
///             Self::Duplicate { .. } => Verdict::Done,
///             Self::TemporarilyUnavailable => Verdict::TryAgain("unavailable".into()),
///             Self::InsufficientFunds { balance } => Verdict::NotDone(format!("only {balance}")),
///         }
///     }
/// }
///
/// # let ledger = Principal::anonymous();
/// let request = Request::call(ledger, "icrc1_transfer", ("the argument",))
///     .replying::<Result<Nat, TransferError>>();
/// let verdict = request.verdict.unwrap();
/// let reply = |result: Result<Nat, TransferError>| encode_one(result).unwrap();
/// assert_eq!(verdict(&reply(Ok(Nat::from(7_u8)))), Verdict::Done);
/// let duplicate = TransferError::Duplicate { duplicate_of: Nat::from(3_u8) };
/// assert_eq!(verdict(&reply(Err(duplicate))), Verdict::Done);
/// assert!(matches!(verdict(b"no Candid"), Verdict::Unknown(_)));
/// ```
pub trait ReplyError {
    /// What the error means for the call.
    fn verdict(&self) -> Verdict;
}

/// A type of replies that says whether the callee did its work: `Result<T, E>` with an error that is a [`ReplyError`].
pub trait JudgedReply {
    /// What the reply means.
    fn verdict(&self) -> Verdict;
}

impl<T, E: ReplyError> JudgedReply for Result<T, E> {
    fn verdict(&self) -> Verdict {
        self.as_ref().map_or_else(ReplyError::verdict, |_| Verdict::Done)
    }
}

impl Request {
    /// A call of `method` with these arguments, as a tuple. Otherwise like [`Request::new`].
    ///
    /// ```
    /// use candid::{Nat, Principal};
    /// use parallel_calls::Request;
    ///
    /// # let ledger = Principal::anonymous();
    /// let no_argument = Request::call(ledger, "icrc1_fee", ());
    /// let two_arguments = Request::call(ledger, "add", (Nat::from(1_u8), Nat::from(2_u8)));
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the arguments cannot be encoded, like `ic_cdk::call::Call::with_args`. Types that derive
    /// `CandidType` can always be encoded.
    pub fn call(
        callee: Principal,
        method: impl Into<Cow<'static, str>>,
        arguments: impl ArgumentEncoder,
    ) -> Self {
        let argument = encode_args(arguments)
            .unwrap_or_else(|error| panic!("the arguments cannot be encoded: {error}"));
        Self::new(callee, method).with_argument(argument)
    }

    /// Sets the type of the reply, whose error says [what the reply means](ReplyError). A reply that cannot be decoded
    /// leaves open what the callee did.
    pub fn replying<R: JudgedReply + CandidType + for<'de> Deserialize<'de>>(self) -> Self {
        self.judged_by(verdict_on::<R>)
    }
}

/// What a reply of the type `R` means. A reply that cannot be decoded leaves open what the callee did.
pub fn verdict_on<R: JudgedReply + CandidType + for<'de> Deserialize<'de>>(
    reply: &[u8],
) -> Verdict {
    match decode_reply::<R>(reply) {
        Ok(reply) => reply.verdict(),
        Err(error) => Verdict::Unknown(error),
    }
}

/// Decodes the one value of a reply. The work is limited: a hostile callee can reply with 2 MiB.
///
/// # Errors
///
/// The reason, if the reply has no value of this type.
pub fn decode_reply<R: CandidType + for<'de> Deserialize<'de>>(
    reply: impl AsRef<[u8]>,
) -> Result<R, String> {
    let mut config = DecoderConfig::new();
    config.set_decoding_quota(DECODING_QUOTA).set_skipping_quota(SKIPPING_QUOTA);
    config.set_full_error_message(false);
    decode_one_with_config(reply.as_ref(), &config).map_err(|error| error.to_string())
}

impl<T: CandidType + for<'de> Deserialize<'de>> Leg<T, fn(Vec<u8>) -> Result<T, String>> {
    /// A leg whose reply is a value of the type `T`. Otherwise like [`Leg::new`].
    ///
    /// ```
    /// use candid::{Nat, Principal};
    /// use parallel_calls::{Leg, Request, Retry};
    /// use std::time::Duration;
    ///
    /// # let ledger = Principal::anonymous();
    /// let fee = Leg::typed(Request::call(ledger, "icrc1_fee", ()).idempotent(), Nat::from(10_000_u32))
    ///     .within(Duration::from_secs(10))
    ///     .with_retry(Retry::attempts(2));
    /// # let _ = fee;
    /// ```
    pub fn typed(request: Request, default: T) -> Self {
        Self::new(request, decode_reply::<T>, default)
    }
}

/// Makes all calls like [`fan_out`](crate::fan_out), and decodes each reply as a value of the type `R`.
///
/// Each reply is decoded when it arrives, in its own message. So the work of a message does not depend on the number of
/// calls. The limit for [kept replies](crate::ReplyLimit) counts the bytes of each reply, although its value is kept
/// instead. A value can be larger than its bytes.
///
/// A reply that cannot be decoded has the outcome [`Unknown`](Outcome::Unknown). An `Err` in a reply counts as done,
/// unless the requests say [what it means](Request::replying).
///
/// ```no_run
/// # use candid::{Nat, Principal};
/// # use parallel_calls::{Canister, Outcome, Request, Retry, Window, fan_out_typed};
/// # async fn example(ledgers: Vec<Principal>) {
/// let fees = ledgers.iter().map(|ledger| Request::call(*ledger, "icrc1_fee", ()).idempotent());
/// let fees =
///     fan_out_typed::<Nat, _>(&Canister, fees, Window::of(100), Retry::attempts(3)).await;
/// for (ledger, fee) in ledgers.iter().zip(fees) {
///     if let Outcome::Done(fee) = fee {
///         ic_cdk::println!("{ledger}: {fee}");
///     }
/// }
/// # }
/// ```
pub async fn fan_out_typed<R, T>(
    transport: &T,
    requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    window: Window,
    retry: Retry,
) -> Vec<Outcome<R>>
where
    R: CandidType + for<'de> Deserialize<'de>,
    T: Transport,
{
    FanOut::new(window).with_retry(retry).collect_typed(transport, requests).await
}

impl FanOut {
    /// Makes all calls like [`fan_out_typed`], with the options of this fan-out.
    ///
    /// ```no_run
    /// # use candid::{Nat, Principal};
    /// # use parallel_calls::{Canister, FanOut, Outcome, Request, Window};
    /// # use std::time::Duration;
    /// # async fn example(ledgers: Vec<Principal>) {
    /// let fees = ledgers.iter().map(|ledger| Request::call(*ledger, "icrc1_fee", ()).idempotent());
    /// let fan_out = FanOut::new(Window::of(100)).within(Duration::from_secs(20));
    /// let fees: Vec<Outcome<Nat>> = fan_out.collect_typed(&Canister, fees).await;
    /// # }
    /// ```
    pub async fn collect_typed<R, T>(
        &self,
        transport: &T,
        requests: impl IntoIterator<Item = impl Into<Rc<Request>>>,
    ) -> Vec<Outcome<R>>
    where
        R: CandidType + for<'de> Deserialize<'de>,
        T: Transport,
    {
        self.collect_as(transport, requests, |outcome| outcome.decode(decode_reply::<R>)).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use candid::{Nat, encode_one};

    use super::*;
    use crate::scripted_transport::{ScriptedTransport, callee};
    use crate::{Failure, Reason};

    #[derive(CandidType, Deserialize, Debug, PartialEq)]
    enum TransferError {
        Duplicate { duplicate_of: Nat },
        TemporarilyUnavailable,
        TooOld,
    }

    impl ReplyError for TransferError {
        fn verdict(&self) -> Verdict {
            match self {
                Self::Duplicate { .. } => Verdict::Done,
                Self::TemporarilyUnavailable => Verdict::TryAgain("unavailable".into()),
                Self::TooOld => Verdict::NotDone("too old".into()),
            }
        }
    }

    type TransferResult = Result<Nat, TransferError>;

    #[test]
    fn transfers_are_counted_and_repeated_by_the_ledgers_error() {
        let replies = [
            Err(TransferError::TemporarilyUnavailable),
            Ok(Nat::from(1_u8)),
            Err(TransferError::TooOld),
            Err(TransferError::Duplicate { duplicate_of: Nat::from(7_u8) }),
        ];
        let script = ScriptedTransport::new(500, 500);
        let transfer = |amount: u8| {
            Request::call(callee(1), "icrc1_transfer", (amount,)).replying::<TransferResult>()
        };
        let requests: Vec<Request> = (0..3).map(transfer).collect();
        let transfers = fan_out_typed(&script, requests, Window::of(3), Retry::attempts(2));
        let outcomes: Vec<Outcome<TransferResult>> = script.drive(transfers, |script| {
            let call = script.open()[0];
            script.respond(call, Ok(encode_one(&replies[call]).expect("it can be encoded")));
        });
        // The first transfer is made again, as the fourth call.
        let duplicate = TransferError::Duplicate { duplicate_of: Nat::from(7_u8) };
        assert_eq!(outcomes[0], Outcome::Done(Err(duplicate)));
        assert_eq!(outcomes[1], Outcome::Done(Ok(Nat::from(1_u8))));
        assert_eq!(outcomes[2], Outcome::failed(Reason::Declined("too old".into())));
        assert_eq!(script.sent.borrow().len(), 4);
        assert_eq!(script.sent.borrow()[1].argument, encode_one(1_u8).expect("it can be encoded"));
    }

    thread_local! {
        /// Number of decoded values.
        static DECODED: Cell<usize> = const { Cell::new(0) };
    }

    /// A number that counts how often it is decoded.
    #[derive(Debug, PartialEq)]
    struct CountedNumber(u64);

    impl CandidType for CountedNumber {
        fn _ty() -> candid::types::Type {
            u64::_ty()
        }

        fn idl_serialize<S: candid::types::Serializer>(&self, to: S) -> Result<(), S::Error> {
            self.0.idl_serialize(to)
        }
    }

    impl<'de> Deserialize<'de> for CountedNumber {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            DECODED.set(DECODED.get() + 1);
            u64::deserialize(from).map(Self)
        }
    }

    #[test]
    fn each_reply_is_decoded_when_it_arrives() {
        let script = ScriptedTransport::new(500, 500);
        let requests = (0..40).map(|_| Request::new(callee(1), "get"));
        let mut responses = 0;
        let numbers = fan_out_typed(&script, requests, Window::of(9), Retry::NEVER);
        let outcomes: Vec<Outcome<CountedNumber>> = script.drive(numbers, |script| {
            assert_eq!(DECODED.get(), responses);
            let call = script.open()[0];
            responses += 1;
            script.respond(call, Ok(encode_one(call as u64).expect("it can be encoded")));
        });
        assert_eq!(outcomes, (0..40).map(CountedNumber).map(Outcome::Done).collect::<Vec<_>>());
        assert_eq!(DECODED.get(), 40);
    }

    #[test]
    fn a_typed_fan_out_has_an_outcome_for_each_reply_decoded_dropped_or_not() {
        let script = ScriptedTransport::new(500, 500);
        let replies =
            [encode_one(7_u64).expect("it can be encoded"), vec![1], vec![7; 2_000], vec![]];
        let requests = (0..4).map(|_| Request::new(callee(1), "get"));
        let fan_out = FanOut::new(Window::of(2));
        let outcomes: Vec<Outcome<u64>> =
            script.drive(fan_out.collect_typed(&script, requests), |script| {
                let call = script.open()[0];
                script.respond(call, Ok(replies[call].clone()));
            });
        assert_eq!(outcomes[0], Outcome::Done(7));
        // The transport says that there is memory for 1,000 bytes.
        assert_eq!(outcomes[2], Outcome::ReplyDropped { bytes: 2_000, refunded: 0 });
        for undecodable in [&outcomes[1], &outcomes[3]] {
            let Outcome::Unknown(failure) = undecodable else { panic!("{undecodable:?}") };
            assert!(matches!(failure.reason, Reason::Undecodable(_)));
        }
    }

    #[test]
    fn a_typed_leg_has_its_value_or_the_default_and_the_reason() {
        let script = ScriptedTransport::new(500, 500);
        for (reply, value) in [(encode_one(7_u64).expect("it can be encoded"), 7), (vec![1], 3)] {
            let leg = Leg::typed(Request::call(callee(1), "get", ()), 3_u64);
            let part = script.drive(leg.call(&script), |script| {
                script.respond(script.open()[0], Ok(reply.clone()));
            });
            assert_eq!((part.value, part.missing.is_none()), (value, value == 7));
        }
    }

    #[test]
    fn a_reply_that_takes_too_much_work_to_decode_is_not_decoded() {
        // A vector of three times nothing.
        let small = b"DIDL\x01\x6d\x7f\x01\x00\x03";
        assert_eq!(decode_reply::<Vec<()>>(small), Ok(vec![(); 3]));
        // A vector of 100 million times nothing, in a few bytes more.
        let bomb = b"DIDL\x01\x6d\x7f\x01\x00\x80\xc2\xd7\x2f";
        let outcome = Outcome::Done(bomb.to_vec().into()).decode(decode_reply::<Vec<()>>);
        assert!(matches!(
            outcome,
            Outcome::Unknown(Failure { reason: Reason::Undecodable(_), .. })
        ));
    }
}
