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
    assert!((0..3).all(|_| job.start(START)));
    assert!(!job.start(START));
    assert_eq!((job.open(), job.pause(START), job.is_finished()), (3, None, false));
    for _ in 0..3 {
        job.conclude(&Outcome::Done(()), START);
    }
    assert!(job.is_finished());
    assert_eq!((job.summary.succeeded, job.calls()), (3, 3));
}

#[test]
fn what_failed_is_tried_again_after_a_pause_when_the_pass_is_through() {
    let mut job = Job::new(2, None, 3, false);
    job.start(START);
    job.start(START);
    job.conclude(&busy(), START);
    assert_eq!(job.pause(START), None, "the other call is open");
    job.conclude(&Outcome::Done(()), START);
    for seconds in [1, 2] {
        let pause = Duration::from_secs(seconds);
        assert_eq!(job.pause(START), Some(pause));
        assert!(!job.start(START));
        assert!(job.start(START + pause));
        job.conclude(&busy(), START);
    }
    assert!(job.is_finished());
    assert_eq!(job.summary.failed(Kind::SysTransient), 1);
}

#[test]
fn an_upgrade_leaves_open_calls_unknown_or_repeats_them() {
    for (idempotent, attempts, unknown) in [(false, 3, 2), (true, 3, 0), (true, 1, 2)] {
        let mut job = Job::new(5, None, attempts, idempotent);
        (0..2).for_each(|_| assert!(job.start(START)));
        job.interrupt(START);
        assert_eq!((job.open(), job.summary.failed(Kind::Interrupted)), (0, unknown));
        assert_eq!((job.calls(), job.remaining()), (5, 5 - unknown));
    }
}

#[test]
fn a_stop_postpones_calls_and_a_cancelled_job_gives_up_all_but_the_open_ones() {
    let mut job = Job::new(5, None, 3, true);
    (0..2).for_each(|_| assert!(job.start(START)));
    job.conclude(&Outcome::<()>::failed(Reason::Stopping), START);
    assert_eq!((job.remaining(), job.open()), (5, 1));
    job.cancel();
    assert_eq!((job.remaining(), job.summary.failed(Kind::Cancelled)), (1, 4));
    job.conclude(&busy(), START);
    assert!(job.is_finished(), "a cancelled job repeats nothing");
    assert_eq!(job.calls(), 5);
}

#[test]
fn a_call_that_may_have_been_done_is_never_said_to_be_surely_not_done() {
    let unanswered = || Outcome::<()>::failed(Reason::Deadline("late".into()));
    let mut job = Job::new(2, None, 2, true);
    (0..2).for_each(|_| assert!(job.start(START)));
    (0..2).for_each(|_| job.conclude(&unanswered(), START));
    let later = START + Duration::from_secs(1);
    assert!(job.start(later));
    job.conclude(&busy(), later);
    job.cancel();
    assert!(job.is_finished());
    assert_eq!((job.summary.not_done(), job.summary.unknown()), (0, 2));
}

#[test]
fn a_job_is_read_as_it_was_written_once() {
    let mut bytes = [0; Job::BYTES];
    bytes[0] = 1;
    let fields = [7, 3, 1, 0, 1, 90, 2, 5, 1, 1_000_000_000, 40, 800, 1, 0, 0, 0, 0, 0, 6];
    for (place, field) in bytes[1..].as_chunks_mut::<8>().0.iter_mut().zip(fields) {
        *place = u64::to_le_bytes(field);
    }
    let job = Job::from_bytes(&bytes).expect("it is a job");
    assert_eq!((job.window, job.attempts, job.lacks), (Some(7), 3, Some(Kind::Cycles)));
    assert_eq!((job.remaining(), job.open(), job.summary.succeeded), (97, 2, 800));
    assert_eq!(job.summary.failed(Kind::SysTransient), 6);
    assert_eq!(job.to_bytes(), bytes);
}

#[test]
fn for_want_of_cycles_a_job_waits_and_gives_up_nothing() {
    let mut job = Job::new(5, Some(0), 1, false);
    assert_eq!(job.window, Some(1));
    job.start(START);
    job.conclude(&Outcome::<()>::failed(Reason::Cycles { required: 2, available: 1 }), START);
    assert_eq!((job.remaining(), job.open(), job.lacks), (5, 0, Some(Kind::Cycles)));
    assert_eq!(job.pause(START), Some(HOLD));
    assert!(!job.start(START));
    assert!(job.start(START + HOLD));
    assert_eq!(job.lacks, None);
}

#[test]
fn bytes_that_hold_no_job_are_refused() {
    let bytes = Job::new(5, None, 3, true).to_bytes();
    assert_eq!(Job::from_bytes(&bytes[1..]), None);
    assert_eq!(Job::from_bytes(&[]), None);
    assert_eq!(Job::from_bytes(&[0xff; Job::BYTES]), None, "another version");
}

#[derive(Clone, Debug)]
enum Step {
    Start,
    Conclude(Option<u32>),
    Interrupt,
    Cancel,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Start),
        8 => prop_oneof![Just(None), (1_u32..8).prop_map(Some)].prop_map(Step::Conclude),
        1 => Just(Step::Interrupt),
        1 => Just(Step::Cancel),
        2 => (0_u64..100).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_call_is_lost_or_counted_twice_or_tried_too_often(
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
                Step::Start => started += u64::from(job.start(now)),
                Step::Conclude(code) if job.open() > 0 => job.conclude(
                    &code.map_or(Outcome::Done(()), |code| {
                        Outcome::failed(Reason::rejected(code, String::new()))
                    }),
                    now,
                ),
                Step::Conclude(_) => (),
                Step::Interrupt => job.interrupt(now),
                Step::Cancel => job.cancel(),
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
            }
            prop_assert_eq!(job.calls(), calls);
            prop_assert_eq!(Job::from_bytes(&job.to_bytes()), Some(job.clone()));
            prop_assert!(job.is_finished() || job.open() > 0 || job.pause(now).is_some(), "stuck");
        }
        prop_assert!(started <= calls * u64::from(attempts));
    }
}
