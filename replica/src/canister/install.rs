//! Installs, reinstalls, upgrades and uninstalls code.

mod attempt;
mod source;

pub(super) use attempt::finish_installation;
pub use source::{KnownModules, Source};

use crate::canister::call_context::CallResponse;
use crate::canister::installation::{Attempt, InstallMode, NewState};
use crate::canister::round::RoundInput;
use crate::canister::sandbox::{Code, Entry, Sandbox};
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::canister::steps::{input, run, send, withdraw};
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::CANISTER_LOG_BYTES_DEFAULT;
use crate::log::ExecutionLog;
use crate::system_api::{Effects, EntryPoint, ExecutionInput};
use crate::trace::{Event, Fee};
use crate::types::{Cycles, Instructions, Payload};
use crate::wasm::{CompiledModule, StableMemory};
use candid::Principal;
use ic_management_canister_types::{UpgradeFlags, WasmMemoryPersistence};
use std::sync::Arc;

/// The metadata section of modules that keep their heap across upgrades
/// (`execution_environment/src/execution/upgrade.rs` in the replica's repository).
const ENHANCED_ORTHOGONAL_PERSISTENCE: &str = "enhanced-orthogonal-persistence";

/// A request to install code.
#[derive(Debug)]
pub struct Installation {
    /// The mode. It determines what happens to the memories.
    pub mode: InstallMode,
    /// The code.
    pub source: Source,
    /// The argument of `canister_init` or `canister_post_upgrade`.
    pub argument: Payload,
    /// The caller of the management canister.
    pub caller: Principal,
}

/// Runs all steps of an installation: compilation, `canister_pre_upgrade`, the start function, and
/// `canister_init` or `canister_post_upgrade`. The result does not count yet: see [`Attempt::finish`].
///
/// # Errors
/// If the canister cannot prepay the installation. Every other failure is part of the [`Attempt`],
/// because the canister pays for the steps until the failure.
pub fn install(
    canister: &mut Canister,
    installation: Installation,
    round: &RoundInput,
) -> Result<Attempt, UserError> {
    let (id, mode) = (canister.id, installation.mode);
    let wasm64 = installation.source.is_wasm64();
    let prepaid = round.prices.execution(round.install_instructions_max, wasm64);
    withdraw(canister, prepaid, installation.caller, round)?;
    let mut hooks = Hooks::new(round, &installation);
    let result = check(canister, mode).and_then(|()| match mode {
        InstallMode::Upgrade(flags) => hooks.upgrade(canister, &installation, flags),
        InstallMode::Install | InstallMode::Reinstall => {
            let code = hooks.code(&installation)?;
            let begun = hooks.begin(canister, &installation, NewCode::anew(code));
            begun.map_err(|trap| trap.into_user_error(id))
        }
    });
    let burned = if result.is_ok() { hooks.burned } else { 0 };
    let Hooks { used, slices, logs, has_compiled, .. } = hooks;
    let instructions = used.min(round.install_instructions_max);
    let unused = round.install_instructions_max - instructions;
    let fee = round.prices.spent(prepaid, unused, wasm64) + burned;
    Ok(Attempt { slices, has_compiled, instructions, result, mode, logs, prepaid, fee })
}

/// Checks that the mode fits: only an empty canister can be installed, only code can be upgraded. Also
/// checks the rate limit of installations (`execution/install_code.rs`, `validate_input`).
fn check(canister: &Canister, mode: InstallMode) -> Result<(), UserError> {
    let id = canister.id;
    if mode == InstallMode::Install && canister.sandbox.is_some() {
        return Err(UserError::new(
            ErrorCode::CanisterNonEmpty,
            format!(
                "Canister {id} is not empty: it has code already. Use the mode 'upgrade' to keep its \
                 stable memory, or 'reinstall' to begin anew"
            ),
        ));
    }
    canister.debits.check_installation(id)?;
    match (mode, &canister.sandbox) {
        (InstallMode::Upgrade(_), None) => Err(Trap::NoWasmModule.into_user_error(id)),
        _ => Ok(()),
    }
}

/// New code with the state that it begins with.
struct NewCode {
    sandbox: Sandbox,
    certified_data: Vec<u8>,
    /// The function that runs after the start function.
    hook: &'static str,
}

impl NewCode {
    fn anew(code: Arc<Code>) -> Self {
        let sandbox = Sandbox::new(code, StableMemory::default());
        Self { sandbox, certified_data: Vec::new(), hook: "canister_init" }
    }
}

/// Runs the hooks of an installation and counts what they cost.
struct Hooks<'a> {
    round: &'a RoundInput,
    caller: Principal,
    /// Instructions used so far, with those for compiling the code.
    used: Instructions,
    /// Whether the installation came so far that it compiled the new code.
    has_compiled: bool,
    slices: Slices,
    burned: Cycles,
    logs: Vec<ExecutionLog>,
}

impl<'a> Hooks<'a> {
    fn new(round: &'a RoundInput, installation: &Installation) -> Self {
        let instructions_max = round.install_slice_instructions_max;
        Self {
            round,
            caller: installation.caller,
            used: 0,
            has_compiled: false,
            slices: Slices { count: 1, instructions_max, instructions: 0 },
            burned: 0,
            logs: Vec::new(),
        }
    }

    /// The new code. Counts the instructions for its compilation.
    fn code(&mut self, installation: &Installation) -> Result<Arc<Code>, UserError> {
        let Source { code, assembly, compilation } = &installation.source;
        self.used += assembly + compilation;
        self.has_compiled = true;
        code.clone()
    }

    /// Runs `canister_pre_upgrade` of the old code, then begins with the new code.
    fn upgrade(
        &mut self,
        canister: &mut Canister,
        installation: &Installation,
        flags: UpgradeFlags,
    ) -> Result<NewState, UserError> {
        let id = canister.id;
        let result = self.save(canister, flags).map_err(|trap| trap.into_user_error(id)).and_then(
            |certified_data| {
                let code = self.code(installation)?;
                let old = canister.sandbox.as_ref().expect("there is code to upgrade");
                let keep_heap = keeps_heap(old.module(), &code.module, flags)?;
                let sandbox = old.successor(code, keep_heap);
                let hook = "canister_post_upgrade";
                let new = NewCode { sandbox, certified_data, hook };
                self.begin(canister, installation, new).map_err(|trap| trap.into_user_error(id))
            },
        );
        if let Some(old) = &mut canister.sandbox {
            old.undo();
        }
        result
    }

    /// Runs `canister_pre_upgrade` of the old code. Returns the certified data afterwards.
    fn save(&mut self, canister: &mut Canister, flags: UpgradeFlags) -> Result<Vec<u8>, Trap> {
        let effects = match flags.skip_pre_upgrade {
            Some(true) => Effects::default(),
            Some(false) | None => {
                self.hook(canister, EntryPoint::PreUpgrade, "canister_pre_upgrade", &[])?
            }
        };
        Ok(effects.certified_data.unwrap_or_else(|| canister.certified_data.clone()))
    }

    /// Runs the start function and the hook of new code in the canister, then puts the old code back.
    fn begin(
        &mut self,
        canister: &mut Canister,
        installation: &Installation,
        new: NewCode,
    ) -> Result<NewState, Trap> {
        let old = canister.sandbox.replace(new.sandbox);
        let timer = canister.global_timer.take();
        canister.version += 1;
        canister.settings_changed();
        let effects = self
            .start(canister)
            .and_then(|()| self.hook(canister, EntryPoint::Init, new.hook, &installation.argument));
        let sandbox = std::mem::replace(&mut canister.sandbox, old);
        canister.global_timer = timer;
        canister.version -= 1;
        canister.settings_changed();
        let (mut sandbox, effects) = (sandbox.expect("it is the new one"), effects?);
        sandbox.keep();
        let certified_data = effects.certified_data.unwrap_or(new.certified_data);
        Ok(NewState { sandbox, certified_data, global_timer: effects.global_timer.flatten() })
    }

    fn start(&mut self, canister: &mut Canister) -> Result<(), Trap> {
        let input = input(canister, EntryPoint::Start, self.round);
        if let Some(sandbox) = &mut canister.sandbox {
            sandbox.instantiate(input)?;
        }
        self.run(canister, EntryPoint::Start, Entry::start(), &[])?;
        if let Some(sandbox) = &mut canister.sandbox {
            sandbox.keep();
        }
        Ok(())
    }

    fn hook(
        &mut self,
        canister: &mut Canister,
        entry_point: EntryPoint,
        export: &str,
        argument: &[u8],
    ) -> Result<Effects, Trap> {
        self.run(canister, entry_point, Entry::Export(export.into()), argument)
    }

    /// Runs a function, if the module exports it. Its changes of the memories are pending.
    fn run(
        &mut self,
        canister: &mut Canister,
        entry_point: EntryPoint,
        entry: Entry,
        argument: &[u8],
    ) -> Result<Effects, Trap> {
        if !canister.sandbox.as_ref().is_some_and(|sandbox| sandbox.has(&entry)) {
            return Ok(Effects::default());
        }
        let input = ExecutionInput {
            caller: self.caller,
            argument: argument.to_vec(),
            // Cycles that earlier hooks burned are taken only if the installation succeeds.
            balance: canister.balance - self.burned,
            instructions_max: self.round.install_instructions_max.saturating_sub(self.used),
            slice_instructions_max: self.slices.instructions_max,
            ..input(canister, entry_point, self.round)
        };
        let executed = run(canister, entry, input, self.round);
        self.used += executed.instructions;
        self.slices.instructions += executed.instructions;
        // The first slice of this hook runs in the same round as the last slice of the hook before.
        self.slices.count += executed.slices - 1;
        self.logs.push(executed.log);
        let effects = executed.result?;
        self.burned += effects.cycles_burned;
        Ok(effects)
    }
}

/// Whether an upgrade with these flags keeps the heap. Code with enhanced orthogonal persistence must
/// not lose its heap by mistake, and other code cannot keep its heap.
fn keeps_heap(
    old: &CompiledModule,
    new: &CompiledModule,
    flags: UpgradeFlags,
) -> Result<bool, UserError> {
    let lives_in_its_heap = |module: &CompiledModule| {
        module.info.metadata.contains_key(ENHANCED_ORTHOGONAL_PERSISTENCE)
    };
    let refusal = match flags.wasm_memory_persistence {
        Some(WasmMemoryPersistence::Keep) if lives_in_its_heap(new) => return Ok(true),
        Some(WasmMemoryPersistence::Replace) => return Ok(false),
        None if !lives_in_its_heap(old) => return Ok(false),
        Some(WasmMemoryPersistence::Keep) => format!(
            "Invalid upgrade option: the heap can only be kept for a new module with enhanced \
             orthogonal persistence, which has a custom section \
             'icp:private {ENHANCED_ORTHOGONAL_PERSISTENCE}'. Use \
             `wasm_memory_persistence = opt variant {{ replace }}` for this one"
        ),
        None => "Missing upgrade option: the canister uses enhanced orthogonal persistence, which \
                 requires `wasm_memory_persistence`: say `opt variant { keep }` to keep its heap, \
                 or `opt variant { replace }` to lose it"
            .into(),
    };
    Err(UserError::new(ErrorCode::CanisterContractViolation, refusal))
}

/// Uninstalls a canister that cannot pay for its resources. It also loses its allocations, history,
/// snapshots and cycles. Returns the responses to users.
pub fn run_out(canister: &mut Canister) -> Vec<CallResponse> {
    canister.settings.compute_allocation = 0;
    canister.settings.memory_allocation = 0;
    canister.settings.log_memory_limit = CANISTER_LOG_BYTES_DEFAULT as u64;
    canister.history.clear();
    canister.snapshots.clear();
    let responses = uninstall(canister);
    canister.pay(Fee::Uninstall, canister.balance);
    responses
}

/// Removes code, memories and call contexts. Returns the responses to users. Responses to canisters go
/// to the output queues.
pub fn uninstall(canister: &mut Canister) -> Vec<CallResponse> {
    canister.sandbox = None;
    canister.log.clear();
    canister.chunks = Default::default();
    canister.global_timer = None;
    canister.certified_data.clear();
    canister.version += 1;
    canister.settings_changed();
    let error = UserError::new(
        ErrorCode::CanisterRejectedMessage,
        format!("Canister {} has been uninstalled", canister.id),
    );
    canister.trace.record(|| Event::Uninstalled { canister: canister.id });
    let responses = canister.contexts.delete_all(&error);
    responses.into_iter().filter_map(|response| send(canister, response)).collect()
}

#[cfg(test)]
mod tests;
