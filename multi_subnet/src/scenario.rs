//! The measurement: each strategy runs once, and the rounds are counted.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use embedded_replica::trace::Event;
use indicatif::ProgressBar;
use pocket_ic::nonblocking::PocketIc;
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
    if settings.server != ServerChoice::Embedded {
        check_order(instance, &settings.server).await?;
    }
    progress.set_message("installing the canisters");
    let deployment = Deployment::new(instance, settings, modules).await?;
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

/// Checks that the rounds of a server take no time, as in PocketIC. The rounds of other servers, such as the
/// embedded replica with another profile, would be converted into a wrong model time.
pub(crate) async fn check_order(instance: &PocketIc, server: &ServerChoice) -> Result<(), Error> {
    const ACTION: &str = "measuring the server's round length";
    let before = ask(ACTION, instance.get_time()).await?.as_nanos_since_unix_epoch();
    ask(ACTION, instance.tick()).await?;
    let after = ask(ACTION, instance.get_time()).await?.as_nanos_since_unix_epoch();
    // In PocketIC, a round advances the time by one nanosecond.
    if after - before < 1_000 {
        return Ok(());
    }
    Err(Error::OtherProfile { server: server.to_string() })
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

/// Submits the message and executes rounds until it has a reply. Each round takes two requests.
///
/// The server could do this in one request, but it gives up after 100 rounds.
async fn execute_until_reply(
    deployment: &Deployment<'_>,
    strategy: Strategy,
    calls: u64,
    progress: &ProgressBar,
) -> Result<MeasuredReply, Error> {
    let Deployment { instance, caller, interface, .. } = *deployment;
    let method = strategy.method(&interface);
    let action = format!("calling `{method}`");
    let rejected = |reject| Error::Rejected { method, reject };
    let argument = strategy
        .argument(&interface, calls)
        .map_err(|error| Error::Client { action: action.clone(), reason: error.to_string() })?;

    let start = Instant::now();
    let submitted = instance.submit_call(caller, SENDER, method, argument);
    let message = ask(&action, submitted).await?.map_err(rejected)?;
    let limit = calls.saturating_mul(ROUNDS_PER_CALL_LIMIT).saturating_add(ROUNDS_LIMIT);
    for rounds in 1..=limit {
        ask(&action, instance.tick()).await?;
        progress.inc(1);
        if let Some(status) = ask(&action, instance.ingress_status(message.clone())).await? {
            let reply = status.map_err(rejected)?;
            return Ok(MeasuredReply { reply, rounds, host_time: start.elapsed() });
        }
    }
    Err(Error::TooManyRounds { method, rounds: limit, calls })
}
