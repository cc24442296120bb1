//! One canister without a network, for unit tests. The functions install modules in text format and
//! execute messages.

use super::*;
use crate::cycles::Prices;
use crate::error::Reject;
use crate::error::UserError;
use crate::keys::SubnetKey;
use crate::limits::*;
use crate::message::{Ingress, Message};
use crate::system_api::MemoryShare;
use crate::topology::canister_id;
use crate::types::*;
use candid::Principal;
use std::sync::Arc;

/// A round of a 13-node subnet on which nothing else happens.
pub(crate) fn round() -> RoundInput {
    RoundInput {
        subnet: Principal::self_authenticating([7]).into(),
        root_key: SubnetKey::of([7; 32]),
        routes: Arc::default(),
        prices: Prices::new(13, false),
        time: Time::GENESIS,
        message_instructions_max: MESSAGE_INSTRUCTIONS_MAX,
        query_instructions_max: QUERY_INSTRUCTIONS_MAX,
        slice_instructions_max: SLICE_INSTRUCTIONS_MAX,
        install_instructions_max: INSTALL_INSTRUCTIONS_MAX,
        install_slice_instructions_max: SLICE_INSTRUCTIONS_MAX,
        allows_any_methods: false,
        defers_slices: false,
        subnet_callbacks: 0,
        guaranteed_memory: GUARANTEED_MESSAGE_MEMORY_MAX,
        subnet_memory: MemoryShare::on_subnet_with(0),
    }
}

/// Compiles and links a module in text format.
pub(crate) fn code(text: &str) -> Arc<Code> {
    let binary = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let module = crate::wasm::compile(&binary).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Arc::new(Code::link(module).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// A canister without code.
pub(crate) fn empty() -> Canister {
    let settings = Settings::new([Principal::anonymous()].into());
    Canister::new(canister_id(0), settings, PROVISIONAL_CYCLES_DEFAULT, Time::GENESIS)
}

/// Installs a module in text format into a new canister with this id.
pub(crate) fn install_as(id: CanisterId, text: &str) -> Result<Canister, UserError> {
    install_code_as(id, code(text))
}

/// Like [`install_as`], for a module that is already linked.
pub(crate) fn install_code_as(id: CanisterId, code: Arc<Code>) -> Result<Canister, UserError> {
    let mut canister = empty();
    canister.id = id;
    install_into(&mut canister, code).map(|()| canister)
}

/// Installs a module into a canister without code.
pub(crate) fn install_into(canister: &mut Canister, code: Arc<Code>) -> Result<(), UserError> {
    let installation = Installation {
        mode: InstallMode::Install,
        source: code.into(),
        argument: b"argument".to_vec(),
        caller: Principal::anonymous(),
    };
    install(canister, installation, &round())?.finish(canister, &round())
}

/// Installs a module in text format into a new canister.
pub(crate) fn try_install(text: &str) -> Result<Canister, UserError> {
    install_as(canister_id(0), text)
}

/// A canister with this module in text format.
pub(crate) fn installed(text: &str) -> Canister {
    try_install(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A message from a user.
pub(crate) fn ingress(canister: &Canister, method: &str, argument: &[u8]) -> Ingress {
    Ingress {
        id: MessageId([0; 32]),
        sender: Principal::anonymous(),
        caller_info: None,
        receiver: canister.id,
        management: None,
        method: method.to_owned(),
        argument: argument.to_vec(),
        expiry: Time::GENESIS,
        envelope_bytes: argument.len(),
    }
}

/// Executes an update call from a user.
pub(crate) fn begin(canister: &mut Canister, method: &str, argument: &[u8]) -> Execution {
    canister.queues.push_ingress(ingress(canister, method, argument));
    execute_next(canister, &round()).expect("there is a message")
}

/// Executes the callback of the only open call, which gets this response.
pub(crate) fn respond(canister: &mut Canister, result: Result<Payload, Reject>) -> Execution {
    let peer = *canister.queues.output_peers().first().expect("there is a call");
    let Some(Message::Request(request)) = canister.queues.pop_output(peer) else {
        panic!("there is a request");
    };
    canister.queues.push_input_response(request.response(result, request.content.cycles), false);
    execute_next(canister, &round()).expect("there is a response")
}

/// Executes an update call from a user, which must get a response at once.
pub(crate) fn update(
    canister: &mut Canister,
    method: &str,
    argument: &[u8],
) -> (Result<Payload, Failure>, Instructions) {
    let execution = begin(canister, method, argument);
    let response = execution.response.expect("the call has a response at once");
    (response.result, execution.instructions)
}

/// Executes a query from a user, which must not wait for others.
pub(crate) fn ask(
    canister: &mut Canister,
    method: &str,
    argument: &[u8],
) -> Result<Payload, Failure> {
    let (method, argument) = (method.to_owned(), argument.to_vec());
    let caller = Principal::anonymous();
    let query = Query { caller, caller_info: None, method, argument, data_certificate: None };
    match begin_query(canister, query, QUERY_INSTRUCTIONS_MAX, &round()).0 {
        QueryProgress::Finished(response) => response,
        QueryProgress::Waiting(_) => panic!("the query is finished"),
    }
}

/// The error of a call that the replica rejected.
#[track_caller]
pub(crate) fn error(result: Result<Payload, Failure>) -> UserError {
    match result {
        Err(Failure::Error(error)) => error,
        other => panic!("no error: {other:?}"),
    }
}

/// The memories of a canister, which has code.
pub(crate) fn memories(canister: &Canister) -> &Memories {
    canister.sandbox.as_ref().expect("it has code").memories()
}
