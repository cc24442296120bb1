//! An instance with caller and callee installed and introduced to each other.

use candid::{Encode, Principal};
use pocket_ic::{
    CanisterSettings, CreateCanisterParams, CreateCanisterPlacement, EnvironmentVariable,
    ErrorCode, nonblocking::PocketIc,
};

use crate::{
    args::Settings,
    canisters::Modules,
    client::ask,
    error::Error,
    interface::{
        self, CALLEE_VARIABLE, CallerInterface, NumberType, SEQUENTIAL_CALLS, SETUP_CALLEE,
    },
};

/// Who sends the messages: the controller of canisters that were created without naming one.
pub const SENDER: Principal = Principal::anonymous();

/// A caller that is ready to call.
pub struct Deployment<'a> {
    /// The instance it lives on.
    pub instance: &'a PocketIc,
    /// The caller.
    pub caller: Principal,
    /// How it is to be asked.
    pub interface: CallerInterface,
}

impl<'a> Deployment<'a> {
    /// Creates and installs both canisters and tells the caller who its callee is.
    pub async fn new(
        instance: &'a PocketIc,
        settings: &Settings,
        modules: &Modules,
    ) -> Result<Self, Error> {
        let (caller_subnet, callee_subnet) = subnets(instance, settings.same_subnet).await?;
        let caller =
            create(instance, "the caller", caller_subnet, Some(settings.caller_cycles)).await?;
        let callee = create(instance, "the callee", callee_subnet, None).await?;
        install(instance, "the caller", caller, &modules.caller).await?;
        install(instance, "the callee", callee, &modules.callee).await?;
        introduce(instance, caller, callee).await?;
        let numbers = match interface::number_type(&modules.caller) {
            Some(numbers) => numbers,
            None => find_out_numbers(instance, caller).await?,
        };
        let reports = interface::reports(&modules.caller);
        Ok(Self { instance, caller, interface: CallerInterface { numbers, reports } })
    }

    /// The caller's balance.
    pub async fn cycles(&self) -> Result<u128, Error> {
        ask("reading the caller's cycles", self.instance.cycle_balance(self.caller)).await
    }
}

/// How many application subnets the benchmark needs.
pub fn needed_subnets(same_subnet: bool) -> usize {
    if same_subnet { 1 } else { 2 }
}

/// The subnets of caller and callee.
async fn subnets(instance: &PocketIc, same_subnet: bool) -> Result<(Principal, Principal), Error> {
    let subnets = ask("reading the topology", instance.topology()).await?.get_app_subnets();
    match (subnets.as_slice(), same_subnet) {
        (&[only, ..], true) => Ok((only, only)),
        (&[first, second, ..], false) => Ok((first, second)),
        _ => {
            Err(Error::MissingSubnets { made: subnets.len(), needed: needed_subnets(same_subnet) })
        }
    }
}

async fn create(
    instance: &PocketIc,
    name: &str,
    subnet: Principal,
    cycles: Option<u128>,
) -> Result<Principal, Error> {
    let action = format!("creating {name}");
    let placement = Some(CreateCanisterPlacement::SubnetId(subnet));
    let params = CreateCanisterParams { cycles, placement, ..Default::default() };
    ask(&action, instance.create_canister_with_params(None, params))
        .await?
        .map_err(|reason| Error::Client { action, reason })
}

async fn install(
    instance: &PocketIc,
    name: &str,
    canister: Principal,
    module: &[u8],
) -> Result<(), Error> {
    let no_argument = empty_argument();
    let installed = instance.install_canister(canister, module.to_vec(), no_argument, None);
    ask(&format!("installing {name}"), installed).await.map_err(|error| with_hint(error, module))
}

/// Adds what to do about the two reasons that do not say it themselves.
fn with_hint(error: Error, module: &[u8]) -> Error {
    let Error::Client { action, reason } = error else { return error };
    let hint = if reason.contains("out of cycles") {
        "installing sets aside 300 B cycles: with --caller-cycles, give the caller 1_000_000_000_000 or more".into()
    } else if reason.contains("clear_chunk_store") {
        format!(
            "the module has {} bytes, and more than 2,000,000 need a chunked installation, which this server does \
             not have: compress it (gzip) or strip it",
            module.len()
        )
    } else {
        return Error::Client { action, reason };
    };
    Error::Client { action, reason: format!("{reason} ({hint})") }
}

/// Candid's encoding of no arguments: the magic, no types, no values.
fn empty_argument() -> Vec<u8> {
    b"DIDL\0\0".to_vec()
}

/// Names the callee by the method for it, or by the environment variable when the caller has no such method.
async fn introduce(instance: &PocketIc, caller: Principal, callee: Principal) -> Result<(), Error> {
    const ACTION: &str = "naming the callee to the caller";
    let argument = Encode!(&callee)
        .map_err(|error| Error::Client { action: ACTION.into(), reason: error.to_string() })?;
    let answer = ask(ACTION, instance.update_call(caller, SENDER, SETUP_CALLEE, argument)).await?;
    let reject = match answer {
        Ok(_) => return Ok(()),
        Err(reject) if reject.error_code == ErrorCode::CanisterMethodNotFound => reject,
        Err(reject) => {
            return Err(Error::Rejected { method: SETUP_CALLEE, reject });
        }
    };
    let variable = EnvironmentVariable { name: CALLEE_VARIABLE.into(), value: callee.to_text() };
    let settings =
        CanisterSettings { environment_variables: Some(vec![variable]), ..Default::default() };
    ask(ACTION, instance.update_canister_settings(caller, None, settings))
        .await?
        // The method was the first choice, so its reject tells more than this one.
        .map_err(|_| Error::Rejected { method: SETUP_CALLEE, reject })
}

/// Asks for no calls at all with either type: a caller rejects the argument that it cannot decode.
///
/// If it rejects both it does not like the 0; then the reject of the measured call is the one to show.
async fn find_out_numbers(instance: &PocketIc, caller: Principal) -> Result<NumberType, Error> {
    const ACTION: &str = "finding out the caller's number type";
    for numbers in NumberType::ALL {
        let argument = numbers
            .encode(0)
            .map_err(|error| Error::Client { action: ACTION.into(), reason: error.to_string() })?;
        let call = instance.update_call(caller, SENDER, SEQUENTIAL_CALLS, argument);
        if ask(ACTION, call).await?.is_ok() {
            return Ok(numbers);
        }
    }
    Ok(NumberType::Nat64)
}
