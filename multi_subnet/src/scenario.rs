//! The measurement: each strategy runs once, and the rounds are counted.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use embedded_replica::trace::Event;
use indicatif::ProgressBar;
use pocket_ic::{Time, nonblocking::PocketIc};
use tokio::runtime::Builder;

use crate::{
    args::{ServerChoice, Settings},
    canisters::Modules,
    client::ask,
    deployment::{Deployment, SENDER, needed_subnets},
    error::Error,
    measures::model_time,
    recorded::{Recorded, Recorder},
    report::{BenchmarkReport, Measurement},
    server::Server,
    strategy::{Counts, Strategy},
};

/// Rounds that a strategy may take, besides [`ROUNDS_PER_CALL_LIMIT`] for each call.
///
/// Both limits together are many times what any profile needs, which is four rounds per sequential call on the
/// mainnet. A caller that exceeds them will never reply.
const ROUNDS_LIMIT: u64 = 1_000;
/// Rounds that a strategy may take for each call, in addition to [`ROUNDS_LIMIT`].
const ROUNDS_PER_CALL_LIMIT: u64 = 20;
/// Rounds that a PocketIC server executes in one request that awaits a message (`pocket_ic_server/src/pocket_ic.rs`,
/// `AwaitIngressMessage`). After these rounds, the request fails.
const ROUNDS_PER_REQUEST: u64 = 100;

/// The nanoseconds by which a round of PocketIC advances the time (`state_machine_tests/src/lib.rs`,
/// `EXECUTE_ROUND_TIME_INCREMENT`).
const POCKET_IC_ROUND_NANOS: u64 = 1;

/// Creates an instance and measures each strategy on it, one after another.
///
/// # Errors
///
/// Fails if the server, the instance or the canisters cannot be used, or if the caller does not reply as
/// expected. See [`Error`].
pub fn run(
    settings: &Settings,
    modules: &Modules,
    progress: &ProgressBar,
) -> Result<BenchmarkReport, Error> {
    run_listening(settings, modules, progress, false).map(|(report, _)| report)
}

/// Like [`run`], and records what happens. `None` instead of the recordings if the server is not the embedded one.
///
/// # Errors
///
/// Fails for the same reasons as [`run`].
pub fn run_recorded(
    settings: &Settings,
    modules: &Modules,
    progress: &ProgressBar,
) -> Result<(BenchmarkReport, Option<Recorded>), Error> {
    run_listening(settings, modules, progress, true)
}

fn run_listening(
    settings: &Settings,
    modules: &Modules,
    progress: &ProgressBar,
    listen: bool,
) -> Result<(BenchmarkReport, Option<Recorded>), Error> {
    let server = Server::start(&settings.server, settings.profile)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let report = runtime.block_on(run_on(&server, settings, modules, progress, listen));
    // A client whose server has died blocks a thread for ever: do not wait for that thread.
    runtime.shutdown_background();
    progress.finish_and_clear();
    report
}

async fn run_on(
    server: &Server,
    settings: &Settings,
    modules: &Modules,
    progress: &ProgressBar,
    listen: bool,
) -> Result<(BenchmarkReport, Option<Recorded>), Error> {
    progress.set_message("starting");
    let instance = server.create_instance(needed_subnets(settings.same_subnet)).await?;
    let listener = if listen { server.listen(&instance)? } else { None };
    let measured = measure_all(&instance, settings, modules, progress, listener).await;
    // Delete the instance after a failure, too: the server may keep running.
    let deleted = ask("deleting the instance", instance.drop()).await;
    let (strategies, recorded) = measured?;
    deleted?;
    let report = BenchmarkReport {
        server: settings.server.to_string(),
        profile: settings.profile.name(),
        same_subnet: settings.same_subnet,
        calls: settings.calls,
        caller_cycles: settings.caller_cycles,
        modules: modules.sizes(),
        strategies,
    };
    Ok((report, recorded))
}

async fn measure_all(
    instance: &PocketIc,
    settings: &Settings,
    modules: &Modules,
    progress: &ProgressBar,
    listener: Option<Receiver<Event>>,
) -> Result<(Vec<Measurement>, Option<Recorded>), Error> {
    let round_nanos = round_nanos(instance, settings).await?;
    progress.set_message("installing the canisters");
    let deployment = Deployment::new(instance, settings, modules, round_nanos).await?;
    let recorder = |events| Recorder::new(events, &deployment, modules);
    let mut recorder = listener.map(recorder);
    let mut measurements = Vec::new();
    for &strategy in Strategy::of(deployment.interface.has_run) {
        progress.reset();
        progress.set_message(strategy.name());
        let Some(recorder) = &mut recorder else {
            measurements.push(measure(&deployment, settings, strategy, progress).await?);
            continue;
        };
        let balance = deployment.cycles().await?;
        recorder.begin();
        let measurement = measure(&deployment, settings, strategy, progress).await?;
        recorder.end(&measurement, balance);
        measurements.push(measurement);
    }
    Ok((measurements, recorder.map(Recorder::finish)))
}

/// The nanoseconds by which a round advances the time. The benchmark counts rounds by them.
///
/// # Errors
///
/// - [`Error::OtherProfile`] if the rounds of a server do not advance the time by one nanosecond, as in PocketIC. The
///   rounds of other servers, such as the embedded replica with another profile, would be converted into a wrong model
///   time.
/// - Other errors if the server cannot be used.
pub(crate) async fn round_nanos(instance: &PocketIc, settings: &Settings) -> Result<u64, Error> {
    const ACTION: &str = "measuring the server's round length";
    if settings.server == ServerChoice::Embedded {
        return Ok(settings.profile.network().round_length_nanos().max(POCKET_IC_ROUND_NANOS));
    }
    let before = ask(ACTION, instance.get_time()).await?.as_nanos_since_unix_epoch();
    ask(ACTION, instance.tick()).await?;
    let after = ask(ACTION, instance.get_time()).await?.as_nanos_since_unix_epoch();
    match after.saturating_sub(before) {
        POCKET_IC_ROUND_NANOS => Ok(POCKET_IC_ROUND_NANOS),
        _ => Err(Error::OtherProfile { server: settings.server.to_string() }),
    }
}

/// Measures one strategy.
pub(crate) async fn measure(
    deployment: &Deployment<'_>,
    settings: &Settings,
    strategy: Strategy,
    progress: &ProgressBar,
) -> Result<Measurement, Error> {
    let attempted = settings.calls;
    let cycles_before = deployment.cycles().await?;
    let measured = execute_until_reply(deployment, strategy, attempted, progress).await?;
    let cycles_after = deployment.cycles().await?;
    let method = strategy.method(&deployment.interface);
    let wrong_reply = |reason| Error::Reply { method, reason };
    let Counts { succeeded, failures } =
        Counts::decode(&deployment.interface, &measured.reply).map_err(wrong_reply)?;
    let failed = attempted
        .checked_sub(succeeded)
        .ok_or_else(|| wrong_reply(format!("{succeeded} of {attempted} calls succeeded")))?;
    Ok(Measurement {
        name: strategy.name(),
        attempted,
        succeeded,
        failed,
        failures,
        rounds: measured.rounds,
        model_time: model_time(measured.rounds, settings.profile, settings.same_subnet),
        host_time: measured.host_time,
        cycles: cycles_before.saturating_sub(cycles_after),
    })
}

/// The reply to an ingress message, and the rounds and the time until the reply.
struct MeasuredReply {
    reply: Vec<u8>,
    rounds: u64,
    host_time: Duration,
}

/// Submits the message and executes rounds until it has a reply.
async fn execute_until_reply(
    deployment: &Deployment<'_>,
    strategy: Strategy,
    calls: u64,
    progress: &ProgressBar,
) -> Result<MeasuredReply, Error> {
    let Deployment { instance, caller, interface, round_nanos, .. } = *deployment;
    let method = strategy.method(&interface);
    let action = format!("calling `{method}`");
    let rejected = |reject| Error::Rejected { method, reject };
    let argument = strategy
        .argument(&interface, calls)
        .map_err(|error| Error::Client { action: action.clone(), reason: error.to_string() })?;

    let begin = ask(&action, instance.get_time()).await?;
    let start = Instant::now();
    let submitted = instance.submit_call(caller, SENDER, method, argument);
    let message = ask(&action, submitted).await?.map_err(rejected)?;
    let most = calls.saturating_mul(ROUNDS_PER_CALL_LIMIT).saturating_add(ROUNDS_LIMIT);
    let mut counter = RoundCounter { begin, round_nanos, rounds: 0 };
    while counter.rounds < most {
        let awaited = ask(&action, instance.await_call(message.clone())).await;
        let host_time = start.elapsed();
        let executed = counter.count(ask(&action, instance.get_time()).await?);
        progress.inc(executed);
        match awaited {
            Ok(result) => {
                let reply = result.map_err(rejected)?;
                return Ok(MeasuredReply { reply, rounds: counter.rounds, host_time });
            }
            // The server awaits a message for this many rounds: await the message again.
            Err(Error::Client { .. }) if executed == ROUNDS_PER_REQUEST => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::TooManyRounds { method, rounds: counter.rounds, calls })
}

/// Counts rounds by the time of the network, which each round advances by the same number of nanoseconds.
struct RoundCounter {
    begin: Time,
    round_nanos: u64,
    rounds: u64,
}

impl RoundCounter {
    /// Counts the rounds until `now`. Returns the number of rounds since the previous call.
    fn count(&mut self, now: Time) -> u64 {
        let nanos = |time: Time| time.as_nanos_since_unix_epoch();
        let rounds = nanos(now).saturating_sub(nanos(self.begin)) / self.round_nanos;
        rounds - std::mem::replace(&mut self.rounds, rounds)
    }
}
