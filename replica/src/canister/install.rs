//! Installs, reinstalls, upgrades and uninstalls code.

use crate::canister::call_context::Answer;
use crate::canister::sandbox::{Code, Entry, Sandbox};
use crate::canister::state::Canister;
use crate::canister::steps::{RoundContext, input, run, send, withdraw};
use crate::error::{ErrorCode, Trap, UserError};
use crate::limits::{CANISTER_LOG_BYTES_DEFAULT, COMPILE_COST_PER_WASM_INSTRUCTION};
use crate::system_api::{Context, Effects, ExecutionInput};
use crate::trace::{Event, Fee};
use crate::types::{Cycles, Instructions, Payload};
use crate::wasm::StableMemory;
use candid::Principal;
use std::sync::Arc;

/// What happens to the canister's memories when code is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallMode {
    /// There must be no code yet.
    Install,
    /// Everything begins anew.
    Reinstall,
    /// Stable memory stays, and the code is asked before and after.
    Upgrade {
        /// Whether `canister_pre_upgrade` is left out.
        skip_pre_upgrade: bool,
    },
}

/// Code on its way into a canister.
#[derive(Debug)]
pub struct Installation {
    /// What happens to the memories.
    pub mode: InstallMode,
    /// The code.
    pub code: Arc<Code>,
    /// The argument of `canister_init` or `canister_post_upgrade`.
    pub argument: Payload,
    /// Who installs.
    pub caller: Principal,
}

/// Installs code. When anything fails, the canister stays as it was, except for what the attempt
/// cost. Returns the instructions used, too.
pub fn install(
    canister: &mut Canister,
    installation: Installation,
    round: &RoundContext,
) -> (Result<(), UserError>, Instructions) {
    let id = canister.id;
    if installation.mode == InstallMode::Install && canister.sandbox.is_some() {
        let error = UserError::new(
            ErrorCode::CanisterNonEmpty,
            format!(
                "Canister {id} has code already. Use the mode 'upgrade' to keep its stable memory, \
                 or 'reinstall' to begin anew"
            ),
        );
        return (Err(error), 0);
    }
    if matches!(installation.mode, InstallMode::Upgrade { .. }) && canister.sandbox.is_none() {
        return (Err(Trap::NoWasmModule.into_user_error(id)), 0);
    }
    let wasm64 = installation.code.module.info.wasm64;
    let prepaid = round.prices.execution(round.install_instructions_max, wasm64);
    if let Err(error) = withdraw(canister, prepaid, round) {
        return (Err(error), 0);
    }
    let compilation = installation.code.module.info.compiled * COMPILE_COST_PER_WASM_INSTRUCTION;
    let mut hooks = Hooks { round, caller: installation.caller, used: compilation, burned: 0 };
    let result = match installation.mode {
        InstallMode::Upgrade { skip_pre_upgrade } => {
            hooks.upgrade(canister, &installation, skip_pre_upgrade)
        }
        InstallMode::Install => {
            hooks.begin(canister, &installation, StableMemory::default(), "canister_init")
        }
        InstallMode::Reinstall => {
            let log = canister.log.clone();
            canister.log.clear();
            let begun =
                hooks.begin(canister, &installation, StableMemory::default(), "canister_init");
            begun.inspect_err(|_| canister.log = log)
        }
    };
    let fee = round.prices.execution(hooks.used, wasm64).min(prepaid);
    let burned = if result.is_ok() { hooks.burned } else { 0 };
    canister.credit(prepaid);
    canister.pay(Fee::Installation, fee + burned);
    (result.map_err(|trap| trap.into_user_error(id)), hooks.used)
}

/// Runs the functions a module is asked to run around an installation.
struct Hooks<'a> {
    round: &'a RoundContext,
    caller: Principal,
    used: Instructions,
    burned: Cycles,
}

impl Hooks<'_> {
    /// Asks the old code to save what it needs, then begins with the new code.
    fn upgrade(
        &mut self,
        canister: &mut Canister,
        installation: &Installation,
        skip_pre_upgrade: bool,
    ) -> Result<(), Trap> {
        let result = (|| {
            if !skip_pre_upgrade {
                self.hook(canister, Context::PreUpgrade, "canister_pre_upgrade", &[])?;
            }
            let stable = canister.sandbox.as_ref().map(Sandbox::stable);
            self.begin(canister, installation, stable.unwrap_or_default(), "canister_post_upgrade")
        })();
        if result.is_err()
            && let Some(old) = &mut canister.sandbox
        {
            old.undo();
        }
        result
    }

    /// Puts the new code in place and runs its start function and `hook`; puts the old code back
    /// when that fails.
    fn begin(
        &mut self,
        canister: &mut Canister,
        installation: &Installation,
        stable: StableMemory,
        hook: &'static str,
    ) -> Result<(), Trap> {
        let old = canister.sandbox.replace(Sandbox::new(installation.code.clone(), stable));
        let (timer, certified_data) =
            (canister.global_timer.take(), std::mem::take(&mut canister.certified_data));
        canister.version += 1;
        canister.settings_changed();
        let effects = self
            .start(canister)
            .and_then(|()| self.hook(canister, Context::Init, hook, &installation.argument));
        match effects {
            Ok(effects) => {
                if let Some(sandbox) = &mut canister.sandbox {
                    sandbox.keep();
                }
                canister.global_timer = effects.global_timer.flatten();
                let inherited = match installation.mode {
                    InstallMode::Upgrade { .. } => certified_data,
                    InstallMode::Install | InstallMode::Reinstall => Vec::new(),
                };
                canister.certified_data = effects.certified_data.unwrap_or(inherited);
                Ok(())
            }
            Err(trap) => {
                canister.sandbox = old;
                canister.version -= 1;
                canister.global_timer = timer;
                canister.certified_data = certified_data;
                canister.settings_changed();
                Err(trap)
            }
        }
    }

    fn start(&mut self, canister: &mut Canister) -> Result<(), Trap> {
        let input = input(canister, Context::Start, self.round);
        if let Some(sandbox) = &mut canister.sandbox {
            sandbox.instantiate(input)?;
        }
        self.run(canister, Context::Start, Entry::start(), &[])?;
        if let Some(sandbox) = &mut canister.sandbox {
            sandbox.keep();
        }
        Ok(())
    }

    fn hook(
        &mut self,
        canister: &mut Canister,
        context: Context,
        export: &str,
        argument: &[u8],
    ) -> Result<Effects, Trap> {
        self.run(canister, context, Entry::Export(export.into()), argument)
    }

    /// Runs a function, if the module has it. What it did to the memories is not kept yet.
    fn run(
        &mut self,
        canister: &mut Canister,
        context: Context,
        entry: Entry,
        argument: &[u8],
    ) -> Result<Effects, Trap> {
        if !canister.sandbox.as_ref().is_some_and(|sandbox| sandbox.has(&entry)) {
            return Ok(Effects::default());
        }
        let input = ExecutionInput {
            caller: self.caller,
            argument: argument.to_vec(),
            // What earlier hooks burned is only taken once the installation has succeeded.
            balance: canister.balance - self.burned,
            instructions_max: self.round.install_instructions_max.saturating_sub(self.used),
            ..input(canister, context, self.round)
        };
        let executed = run(canister, entry, input, self.round);
        self.used += executed.instructions;
        let effects = executed.result?;
        self.burned += effects.cycles_burned;
        Ok(effects)
    }
}

/// What becomes of a canister that cannot pay for what it has: its code, allocations and history go.
/// Returns the answers users get.
pub fn run_out(canister: &mut Canister) -> Vec<Answer> {
    canister.settings.compute_allocation = 0;
    canister.settings.memory_allocation = 0;
    canister.settings.log_memory_limit = CANISTER_LOG_BYTES_DEFAULT as u64;
    canister.history.clear();
    uninstall(canister)
}

/// Removes code, memories and call contexts. Returns the answers users get.
pub fn uninstall(canister: &mut Canister) -> Vec<Answer> {
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
    canister.trace.tell(|| Event::Uninstalled { canister: canister.id });
    let answers = canister.contexts.delete_all(&error);
    answers.into_iter().filter_map(|answer| send(canister, answer)).collect()
}
