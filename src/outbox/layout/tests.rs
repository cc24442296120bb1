use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_record_of_layout_1_is_read() {
    let mut bytes = vec![1, 2, 9];
    bytes.extend([7, 0, 0, 0]);
    bytes.extend([5, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([3, 0, 0, 0]);
    bytes.extend(1_500_000_000_u64.to_le_bytes());
    bytes.extend(12_u128.to_le_bytes());
    bytes.extend([100, 0, 0, 0]);
    bytes.resize(RECORD_BYTES, 0);
    let record = Record {
        next: 7,
        number: 5,
        state: State::Open,
        attempts: 3,
        due: Duration::from_millis(1_500),
        refunded: 12,
        unknown: Some(ReasonKind::Deadline),
        body_bytes: 100,
    };
    assert_eq!(Record::from_bytes(&bytes), record);
    assert_eq!(record.to_bytes()[..], bytes);
}

#[test]
fn a_call_and_an_outcome_of_layout_1_are_read() {
    let call = Entry {
        request: Request::new(Principal::from_slice(&[1, 2]), "pay")
            .with_argument(b"argument".to_vec())
            .with_cycles(6)
            .with_wait(Wait::Bounded(Duration::from_secs(4)))
            .with_retry(Retry::attempts(9))
            .idempotent(),
        order: Some(8),
    };
    let bytes = encode_call(&call);
    assert_eq!(
        hex(&bytes),
        "0d00286bee0000000006000000000000000000000000000000090000000\
         0ca9a3b00000000005847f80d00000008000000000000000201020000000000000000000000000000000000\
         0000000000000000000003000000706179617267756d656e74"
    );
    let read = decode_call(&bytes);
    assert_eq!(format!("{read:?}"), format!("{call:?}"));
    let outcome = Outcome::failed(Failure {
        reason: Reason::Rejected { code: 5, message: "no".into() },
        refunded: 3,
    });
    let bytes = encode_outcome(&outcome, 100);
    assert_eq!(hex(&bytes), "020300000000000000000000000000000008050000006e6f");
    assert_eq!(decode_outcome(&bytes), outcome);
}

#[test]
fn an_earlier_attempt_of_a_kind_that_this_version_does_not_know_is_unknown() {
    let record = Record {
        next: 7,
        number: 5,
        state: State::Waiting,
        attempts: 3,
        due: Duration::ZERO,
        refunded: 0,
        unknown: None,
        body_bytes: 100,
    };
    let mut bytes = record.to_bytes();
    assert_eq!(Record::from_bytes(&bytes).unknown, None);
    bytes[2] = ReasonKind::ALL.len() as u8;
    assert_eq!(Record::from_bytes(&bytes).unknown, Some(ReasonKind::Interrupted));
}

#[test]
#[should_panic(expected = "the unknown state 4")]
fn a_record_in_a_state_that_this_version_does_not_know_is_refused() {
    let mut bytes = vec![LAYOUT, 4];
    bytes.resize(RECORD_BYTES, 0);
    Record::from_bytes(&bytes);
}

proptest! {
    #[test]
    fn outcomes_of_all_kinds_are_read_as_they_were_written(
        kind in 0..ReasonKind::ALL.len(),
        text in ".{0,40}",
        refunded: u128,
    ) {
        let reason = reason_of(ReasonKind::ALL[kind], text.clone());
        let failed = Outcome::failed(Failure { reason, refunded });
        prop_assert_eq!(decode_outcome(&encode_outcome(&failed, 1_000)), failed);
        let bytes = text.into_bytes();
        let done = Outcome::Done(Reply { bytes, refunded });
        prop_assert_eq!(decode_outcome(&encode_outcome(&done, 0)), done);
        let dropped = Outcome::ReplyDropped { bytes: 7, refunded };
        prop_assert_eq!(decode_outcome(&encode_outcome(&dropped, 0)), dropped);
    }
}
