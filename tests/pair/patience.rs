//! Calls with unbounded waits. The caller's own calls have bounded waits of five minutes.

use std::fs;
use std::time::Duration;

use candid::{CandidType, Principal, encode_args};
use pocket_ic::RejectResponse;
use pocket_ic::common::rest::{RawEffectivePrincipal, RawMessageId};
use test_support::{StatusOf, on_every_server, rust_canister};

use crate::answers::Way;
use crate::moody::Mood;
use crate::pair::{
    DEFAULT_CYCLES, OPEN_CALLS_MAX, PLANNED_CALLS_MAX, Pair, Parallel, callee_module, controller,
    create, create_with_cycles, encode, nothing,
};

/// How long a bounded wait lasts at most, and an attempt to stop a canister.
const FIVE_MINUTES: Duration = Duration::from_secs(300);

#[derive(CandidType)]
struct CanisterIdRecord {
    canister_id: Principal,
}

impl Pair {
    /// Beside the caller, a canister with the same library that waits as long as it takes.
    pub fn patient_caller(&self) -> Principal {
        self.patient_caller_with_cycles(DEFAULT_CYCLES)
    }

    pub fn patient_caller_with_cycles(&self, cycles: u128) -> Principal {
        let id = create_with_cycles(&self.pic, self.pic.topology().get_app_subnets()[0], cycles);
        self.install_code(
            id,
            fs::read(rust_canister("patient_caller")).expect("the canister was built"),
        );
        id
    }

    /// Lets it ping the callee.
    pub fn submit_patient(&self, patient: Principal, method: &str, n: u64) -> RawMessageId {
        let argument = encode_args((self.callee, n)).expect("the value has a Candid type");
        self.pic
            .submit_call(patient, controller(), method, argument)
            .expect("the canister accepts messages")
    }

    /// How many of its calls succeed, how many are open at most, and how many sends fail.
    pub fn patient_calls(&self, patient: Principal, method: &str, n: u64) -> (u64, u32, u64) {
        let (answer, _) = self.wait_for(&self.submit_patient(patient, method, n));
        candid::decode_args(&answer.expect("the caller counts failures and does not reject"))
            .expect("three numbers")
    }

    /// Upgrades it, some rounds after its code was installed: the network limits the rate of that.
    pub fn upgrade_patient(&self, patient: Principal) -> Result<(), RejectResponse> {
        self.wait(Duration::ZERO, 5);
        let module = fs::read(rust_canister("patient_caller")).expect("the canister was built");
        self.pic.upgrade_canister(patient, module, nothing(), Some(controller()))
    }

    fn submit_stop(&self, canister_id: Principal) -> RawMessageId {
        self.pic
            .submit_call_with_effective_principal(
                Principal::management_canister(),
                RawEffectivePrincipal::CanisterId(canister_id.as_slice().to_vec()),
                controller(),
                "stop_canister",
                encode(CanisterIdRecord { canister_id }),
            )
            .expect("a controller may do that")
    }

    fn answer_to(&self, message: &RawMessageId) -> Option<Result<Vec<u8>, RejectResponse>> {
        self.pic.ingress_status(message.clone())
    }

    /// By the name of the type's value, since the client's version of the type is another than ours.
    fn state_of(&self, canister: Principal) -> String {
        let status = self.pic.status_of(canister, Some(controller()));
        format!("{:?}", status.expect("a controller may ask").status)
    }
}

#[test]
fn windowed_calls_that_wait_as_long_as_it_takes_all_succeed() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let patient = pair.patient_caller();
            for (method, succeeded, open, refused) in [
                ("parallel_calls", OPEN_CALLS_MAX, OPEN_CALLS_MAX, 1_500),
                ("windowed_calls", 2_000, PLANNED_CALLS_MAX, 0),
            ] {
                let counts = pair.patient_calls(patient, method, 2_000);
                assert_eq!(counts, (succeeded, open as u32, refused), "{method}");
            }
            let poor = pair.patient_caller_with_cycles(2_000_000_000_000);
            // One less than where waits are bounded: memory for the answers raises the freezing threshold.
            assert_eq!(pair.patient_calls(poor, "windowed_calls", 2_000), (2_000, 40, 0));
        }
    });
}

#[test]
fn a_callee_without_responses_keeps_only_callers_with_unbounded_waits_from_stopping() {
    on_every_server(|server| {
        for subnets in [1, 2] {
            let pair = Pair::ready(server, subnets);
            let patient = pair.patient_caller();
            pair.moody_callee();
            pair.set_mood(Mood::Silence);
            let bounded = pair.submit_run(Way::Parallel, 3);
            let unbounded = pair.submit_patient(patient, "parallel_calls", 3);
            pair.wait(Duration::ZERO, 3);
            let stops = [pair.caller, patient].map(|canister| pair.submit_stop(canister));
            pair.wait(FIVE_MINUTES - Duration::from_secs(5), 3);
            assert!(stops.iter().all(|stop| pair.answer_to(stop).is_none()), "calls are open");

            pair.wait(Duration::from_secs(10), 3);
            let report = pair.report_of(&bounded).expect("it has waited long enough");
            assert_eq!(report.failures(), [("deadline", 3)].into());
            assert_eq!(pair.state_of(pair.caller), "Stopped");
            assert_eq!(pair.state_of(patient), "Stopping");
            pair.wait(10 * FIVE_MINUTES, 3);
            assert_eq!(pair.answer_to(&unbounded), None);
            assert_eq!(pair.state_of(patient), "Stopping");

            pair.set_mood(Mood::Answer);
            pair.wait(Duration::ZERO, 5);
            assert!(matches!(pair.answer_to(&unbounded), Some(Ok(_))));
            assert_eq!(pair.state_of(patient), "Stopped");
            pair.start_caller();
            assert_eq!(pair.successes(Parallel, OPEN_CALLS_MAX), OPEN_CALLS_MAX);
        }
    });
}

#[test]
fn a_canister_that_is_stopped_ends_calls_that_are_not_sent_in_several_messages_and_then_stops() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        pair.moody_callee();
        pair.set_mood(Mood::Silence);
        let message = pair.submit_patient(patient, "one_at_a_time", 25_000);
        pair.wait(Duration::ZERO, 3);
        let stop = pair.submit_stop(patient);
        pair.wait(Duration::ZERO, 3);
        pair.set_mood(Mood::Answer);
        // One message ends at most 10,000 calls. Each further message costs two rounds.
        let (reply, rounds) = pair.wait_for(&message);
        let counts: (u64, u64) =
            candid::decode_args(&reply.expect("the canister replies")).expect("two numbers");
        assert_eq!(counts, (1, 24_999));
        assert!(rounds >= 4, "{rounds} rounds");
        pair.wait(Duration::ZERO, 3);
        assert!(matches!(pair.answer_to(&stop), Some(Ok(_))));
        assert_eq!(pair.state_of(patient), "Stopped");
    });
}

#[test]
fn after_a_trap_an_upgrade_is_refused_until_the_last_response_has_arrived() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 2);
        let patient = pair.patient_caller();
        pair.upgrade_patient(patient).expect("nothing is open");
        pair.moody_callee();
        pair.set_mood(Mood::Silence);
        // This one answers at once, the callee does not.
        let near = create(&pair.pic, 0);
        pair.install_code(near, callee_module());
        let argument = encode([vec![pair.callee; 13], vec![near; 3]].concat());
        let message = pair
            .pic
            .submit_call(patient, controller(), "trap_amid_calls", argument)
            .expect("the canister accepts messages");
        pair.wait(Duration::ZERO, 5);
        let refusal = pair.upgrade_patient(patient).expect_err("calls are open");
        assert!(refusal.reject_message.contains("13 calls are open"), "{refusal:?}");
        assert!(refusal.reject_message.contains("stop this canister"), "{refusal:?}");

        pair.mend();
        let rejected = pair.pic.ingress_status(message).expect("the message has ended");
        assert!(rejected.is_err(), "{rejected:?}");
        pair.upgrade_patient(patient).expect("nothing is open any more");
        assert_eq!(pair.patient_calls(patient, "windowed_calls", 3), (3, 3, 0));
    });
}

#[test]
fn a_retry_costs_the_same_among_many_callees_as_among_few() {
    on_every_server(|server| {
        let pair = Pair::ready(server, 1);
        let patient = pair.patient_caller();
        // Without code they fail every call.
        let callees: Vec<Principal> = (0..200).map(|_| pair.another_canister()).collect();
        let per_call = |callees: &[Principal], each: u64| {
            let argument = encode_args((callees, each)).expect("the value has a Candid type");
            let message = pair
                .pic
                .submit_call(patient, controller(), "persistent_calls", argument)
                .expect("the canister accepts messages");
            let (answer, _) = pair.wait_for(&message);
            let (calls, instructions): (u64, u64) =
                candid::decode_args(&answer.expect("the canister replies")).expect("two numbers");
            assert_eq!(calls, callees.len() as u64 * each);
            instructions / calls
        };
        let few = per_call(&callees[..10], 100);
        let many = per_call(&callees, 5);
        println!("{few} and {many} instructions");
        assert!(many < few + few / 5, "{few} {many}");
        // Nor does it matter how often each is called.
        let often = per_call(&callees[..10], 400);
        println!("{few} and {often} instructions");
        assert!(often < few + few / 5, "{few} {often}");
    });
}
