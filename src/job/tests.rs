use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::reject_code;

const START: Duration = Duration::from_secs(1_000_000);

fn busy() -> Outcome<()> {
    Outcome::failed(Reason::rejected(reject_code::SYS_TRANSIENT, String::new()))
}

#[test]
fn every_call_is_started_once_and_settled_once() {
    let mut job = Job::new(3, Some(10), 1, false);
    assert!((0..3).all(|_| job.start_call(START)));
    assert!(!job.start_call(START));
    assert_eq!((job.open(), job.next_call_in(START), job.is_finished()), (3, None, false));
    for _ in 0..3 {
        job.finish_call(&Outcome::Done(()), START);
    }
    assert!(job.is_finished());
    assert_eq!((job.summary.succeeded, job.calls()), (3, 3));
}

#[test]
fn failed_calls_are_tried_again_in_the_next_pass_after_a_delay() {
    let mut job = Job::new(2, None, 3, false);
    job.start_call(START);
    job.start_call(START);
    job.finish_call(&busy(), START);
    assert_eq!(job.next_call_in(START), None, "the other call is open");
    job.finish_call(&Outcome::Done(()), START);
    for seconds in [1, 2] {
        let pause = Duration::from_secs(seconds);
        assert_eq!(job.next_call_in(START), Some(pause));
        assert!(!job.start_call(START));
        assert!(job.start_call(START + pause));
        job.finish_call(&busy(), START);
    }
    assert!(job.is_finished());
    assert_eq!(job.summary.failed(ReasonKind::SysTransient), 1);
}

#[test]
fn interrupted_calls_are_unknown_or_tried_again() {
    for (idempotent, attempts, unknown) in [(false, 3, 2), (true, 3, 0), (true, 1, 2)] {
        let mut job = Job::new(5, None, attempts, idempotent);
        (0..2).for_each(|_| assert!(job.start_call(START)));
        job.interrupt(START);
        assert_eq!((job.open(), job.summary.failed(ReasonKind::Interrupted)), (0, unknown));
        assert_eq!((job.calls(), job.remaining()), (5, 5 - unknown));
    }
}

#[test]
fn a_stop_keeps_calls_waiting_and_a_cancel_settles_all_that_are_not_open() {
    let mut job = Job::new(5, None, 3, true);
    (0..2).for_each(|_| assert!(job.start_call(START)));
    job.finish_call(&Outcome::<()>::failed(Reason::Stopping), START);
    assert_eq!((job.remaining(), job.open()), (5, 1));
    job.cancel();
    assert_eq!((job.remaining(), job.summary.failed(ReasonKind::Cancelled)), (1, 4));
    job.finish_call(&busy(), START);
    assert!(job.is_finished(), "a cancelled job tries no call again");
    assert_eq!(job.calls(), 5);
}

#[test]
fn a_call_with_an_unknown_attempt_is_never_counted_as_not_done() {
    let unknown = || Outcome::<()>::failed(Reason::Deadline("late".into()));
    let mut job = Job::new(2, None, 2, true);
    (0..2).for_each(|_| assert!(job.start_call(START)));
    (0..2).for_each(|_| job.finish_call(&unknown(), START));
    let later = START + Duration::from_secs(1);
    assert!(job.start_call(later));
    job.finish_call(&busy(), later);
    job.cancel();
    assert!(job.is_finished());
    assert_eq!((job.summary.not_done(), job.summary.unknown()), (0, 2));
}

#[test]
fn bytes_of_layout_1_are_decoded() {
    let mut bytes = [0; Job::BYTES];
    bytes[0] = 1;
    let fields = [7, 3, 1, 0, 1, 90, 2, 5, 1, 1_000_000_000, 40, 800, 1, 0, 0, 0, 0, 0, 6];
    for (place, field) in bytes[1..].as_chunks_mut::<8>().0.iter_mut().zip(fields) {
        *place = u64::to_le_bytes(field);
    }
    let job = Job::from_bytes(&bytes).expect("the bytes are a job");
    assert_eq!((job.window, job.attempts, job.waiting_for), (Some(7), 3, Some(ReasonKind::Cycles)));
    assert_eq!((job.remaining(), job.open(), job.summary.succeeded), (97, 2, 800));
    assert_eq!(job.summary.failed(ReasonKind::SysTransient), 6);
    assert_eq!(job.to_bytes(), bytes);
}

#[test]
fn a_job_without_cycles_waits_and_keeps_its_calls() {
    let mut job = Job::new(5, Some(0), 1, false);
    assert_eq!(job.window, Some(1));
    job.start_call(START);
    job.finish_call(&Outcome::<()>::failed(Reason::cycles(2, 1)), START);
    assert_eq!((job.remaining(), job.open(), job.waiting_for), (5, 0, Some(ReasonKind::Cycles)));
    assert_eq!(job.next_call_in(START), Some(POSTPONE_DELAY));
    assert!(!job.start_call(START));
    assert!(job.start_call(START + POSTPONE_DELAY));
    assert_eq!(job.waiting_for, None);
}

#[test]
fn bytes_that_are_no_job_are_not_decoded() {
    let bytes = Job::new(5, None, 3, true).to_bytes();
    assert_eq!(Job::from_bytes(&bytes[1..]), None);
    assert_eq!(Job::from_bytes(&[]), None);
    assert_eq!(Job::from_bytes(&[0xff; Job::BYTES]), None, "another layout");
}

#[derive(Clone, Debug)]
enum Step {
    Start,
    Finish(Option<u32>),
    Interrupt,
    Cancel,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Start),
        8 => prop_oneof![Just(None), (1_u32..8).prop_map(Some)].prop_map(Step::Finish),
        1 => Just(Step::Interrupt),
        1 => Just(Step::Cancel),
        2 => (0_u64..100).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn no_call_is_lost_or_counted_twice_or_tried_too_often(
        calls in 0_u64..20,
        attempts in 1_u32..4,
        idempotent: bool,
        steps in vec(step(), 0..200),
    ) {
        let mut job = Job::new(calls, None, attempts, idempotent);
        let mut now = START;
        let mut started = 0;
        for step in steps {
            match step {
                Step::Start => started += u64::from(job.start_call(now)),
                Step::Finish(code) if job.open() > 0 => job.finish_call(
                    &code.map_or(Outcome::Done(()), |code| {
                        Outcome::failed(Reason::rejected(code, String::new()))
                    }),
                    now,
                ),
                Step::Finish(_) => (),
                Step::Interrupt => job.interrupt(now),
                Step::Cancel => job.cancel(),
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
            }
            prop_assert_eq!(job.calls(), calls);
            prop_assert_eq!(Job::from_bytes(&job.to_bytes()), Some(job.clone()));
            prop_assert!(job.is_finished() || job.open() > 0 || job.next_call_in(now).is_some(), "stuck");
        }
        prop_assert!(started <= calls * u64::from(attempts));
    }
}
