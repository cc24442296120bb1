//! An instance with caller and callee: creating and installing the canisters, and setting the caller's callee.

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

/// The sender of all messages. PocketIC makes it the controller of canisters that are created without a
/// sender.
pub const SENDER: Principal = Principal::anonymous();

/// An installed caller that has a callee.
pub struct Deployment<'a> {
    /// The instance that the caller is on.
    pub instance: &'a PocketIc,
    /// The caller's canister id.
    pub caller: Principal,
    /// The callee's canister id.
    pub callee: Principal,
    /// The caller's interface.
    pub interface: CallerInterface,
    /// The nanoseconds by which a round advances the time of the instance.
    pub round_nanos: u64,
}

impl<'a> Deployment<'a> {
    /// Creates and installs both canisters, and sets the caller's callee.
    ///
    /// # Errors
    ///
    /// - [`Error::MissingSubnets`] if the instance has too few subnets.
    /// - [`Error::Client`] if a canister cannot be created or installed.
    /// - [`Error::Rejected`] if the caller rejects the callee.
    /// - [`Error::NoAnswer`] if the server does not respond in time.
    pub async fn new(
        instance: &'a PocketIc,
        settings: &Settings,
        modules: &Modules,
        round_nanos: u64,
    ) -> Result<Self, Error> {
        let (caller_subnet, callee_subnet) = subnets(instance, settings.same_subnet).await?;
        let caller =
            create(instance, "the caller", caller_subnet, Some(settings.caller_cycles)).await?;
        let callee = create(instance, "the callee", callee_subnet, None).await?;
        install(instance, "the caller", caller, &modules.caller).await?;
        install(instance, "the callee", callee, &modules.callee).await?;
        set_callee(instance, caller, callee).await?;
        let numbers = match interface::number_type(&modules.caller) {
            Some(numbers) => numbers,
            None => find_number_type(instance, caller).await?,
        };
        let has_run = interface::has_run(&modules.caller);
        let interface = CallerInterface { numbers, has_run };
        Ok(Self { instance, caller, callee, interface, round_nanos })
    }

    /// The caller's balance of cycles.
    ///
    /// # Errors
    ///
    /// Fails if the client panics, or if the server does not respond in time.
    pub async fn cycles(&self) -> Result<u128, Error> {
        ask("reading the caller's cycles", self.instance.cycle_balance(self.caller)).await
    }
}

/// The number of application subnets that the benchmark needs.
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

/// Adds advice to the two frequent errors whose messages have none.
fn with_hint(error: Error, module: &[u8]) -> Error {
    let Error::Client { action, reason } = error else { return error };
    let hint = if reason.contains("out of cycles") {
        "an installation sets aside 300 B cycles: give the caller at least --caller-cycles 1_000_000_000_000".into()
    } else if reason.contains("clear_chunk_store") {
        format!(
            "the module has {} bytes; a module of more than 2,000,000 bytes needs a chunked installation, which \
             this server does not support: compress the module with gzip, or strip it",
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

/// Sets the caller's callee: with the method [`SETUP_CALLEE`], or with the environment variable
/// [`CALLEE_VARIABLE`] if the caller does not have this method.
async fn set_callee(
    instance: &PocketIc,
    caller: Principal,
    callee: Principal,
) -> Result<(), Error> {
    const ACTION: &str = "setting the caller's callee";
    let argument = Encode!(&callee)
        .map_err(|error| Error::Client { action: ACTION.into(), reason: error.to_string() })?;
    let result = ask(ACTION, instance.update_call(caller, SENDER, SETUP_CALLEE, argument)).await?;
    let reject = match result {
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
        // The reject of the method is more useful to the user than the error of this second attempt.
        .map_err(|_| Error::Rejected { method: SETUP_CALLEE, reject })
}

/// Finds the caller's number type: requests 0 calls with each type. A caller rejects an argument that it
/// cannot decode.
///
/// A caller that rejects both types may reject the number 0. The measured call then shows the actual
/// reject.
async fn find_number_type(instance: &PocketIc, caller: Principal) -> Result<NumberType, Error> {
    const ACTION: &str = "finding the caller's number type";
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
