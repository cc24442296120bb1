//! Executes the functions of the old and of the new code that belong to an installation.

use super::source::Installation;
use crate::canister::installation::{Attempt, InstallMode, NewState};
use crate::canister::memory_usage::MemoryUsage;
use crate::canister::round::RoundInput;
use crate::canister::sandbox::{Code, Entry, Extent, Sandbox};
use crate::canister::slices::Slices;
use crate::canister::state::Canister;
use crate::canister::steps::{input, print, run_within, withdraw};
use crate::cycles::Prices;
use crate::error::{ErrorCode, Trap, UserError};
use crate::log::ExecutionLog;
use crate::system_api::{Effects, EntryPoint, Environment, ExecutionInput};
use crate::types::{CanisterId, Cycles, Instructions};
use crate::wasm::{CompiledModule, StableMemory};
use ic_management_canister_types::{UpgradeFlags, WasmMemoryPersistence};
use std::sync::Arc;

/// The metadata section of modules that keep their heap across upgrades
/// (`execution_environment/src/execution/upgrade.rs` in the replica's repository).
const ENHANCED_ORTHOGONAL_PERSISTENCE: &str = "enhanced-orthogonal-persistence";

/// An installation that the canister has prepaid, and what it depends on, besides the old code and its
/// memories.
pub(super) struct ReadyInstallation {
    installation: Installation,
    /// Why the installation fails before its first step.
    refusal: Option<UserError>,
    /// The input of functions of the old code.
    base: ExecutionInput,
    /// The memory usage with the old code.
    usage: MemoryUsage,
    certified_data: Vec<u8>,
    prices: Prices,
    prepaid: Cycles,
}

impl ReadyInstallation {
    /// Takes the prepayment from the canister.
    ///
    /// # Errors
    ///
    /// If the canister cannot prepay the installation.
    pub(super) fn new(
        canister: &mut Canister,
        installation: Installation,
        round: &RoundInput,
    ) -> Result<Self, UserError> {
        let instructions_max = round.install_instructions_max;
        let wasm64 = installation.source.is_wasm64();
        let prepaid = round.prices.execution(instructions_max, wasm64);
        withdraw(canister, prepaid, || installation.caller, round)?;
        let base = ExecutionInput {
            caller: installation.caller,
            instructions_max,
            slice_instructions_max: round.install_slice_instructions_max,
            ..input(canister, EntryPoint::PreUpgrade, round)
        };
        Ok(Self {
            refusal: check(canister, installation.mode).err(),
            installation,
            base,
            usage: canister.memory_usage(),
            certified_data: canister.certified_data.clone(),
            prices: round.prices,
            prepaid,
        })
    }

    /// Executes the installation of a canister with the old code in the sandbox `old`. `None` if one of the
    /// functions is longer than `extent`.
    pub(super) fn run(&self, old: Option<&mut Sandbox>, extent: Extent) -> Option<Attempt> {
        let mut hooks = Hooks::new(self, extent);
        let result = match (&self.refusal, self.installation.mode, old) {
            (Some(refusal), ..) => Err(Stop::Failed(refusal.clone())),
            (None, InstallMode::Upgrade(flags), Some(old)) => hooks.upgrade(old, flags),
            (None, ..) => hooks.code().and_then(|code| hooks.begin(NewCode::anew(code))),
        };
        let result = match result {
            Ok(state) => Ok(state),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::TooLong) => return None,
        };
        let burned = if result.is_ok() { hooks.burned } else { 0 };
        let Hooks { used, slices, logs, has_compiled, .. } = hooks;
        let (prepaid, instructions_max) = (self.prepaid, self.base.instructions_max);
        let instructions = used.min(instructions_max);
        let wasm64 = self.installation.source.is_wasm64();
        let fee = self.prices.spent(prepaid, instructions_max - instructions, wasm64) + burned;
        let mode = self.installation.mode;
        Some(Attempt { slices, has_compiled, instructions, result, mode, logs, prepaid, fee })
    }

    /// Executes the whole installation, and prints its debug output.
    pub(super) fn run_whole(&self, old: Option<&mut Sandbox>) -> Attempt {
        let attempt = self.run(old, Extent::Whole).expect("it is executed as a whole");
        self.print(&attempt);
        attempt
    }

    /// Prints the debug output of an attempt.
    pub(super) fn print(&self, attempt: &Attempt) {
        for log in &attempt.logs {
            print(&self.base.environment, log);
        }
    }

    fn canister(&self) -> CanisterId {
        self.base.environment.canister
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

/// Why an installation ends before its last step.
enum Stop {
    /// A function is longer than it may be.
    TooLong,
    /// The installation fails.
    Failed(UserError),
}

impl From<UserError> for Stop {
    fn from(error: UserError) -> Self {
        Self::Failed(error)
    }
}

/// Runs the hooks of an installation and counts what they cost.
struct Hooks<'a> {
    ready: &'a ReadyInstallation,
    extent: Extent,
    /// Instructions used so far, with those for compiling the code.
    used: Instructions,
    /// Whether the installation came so far that it compiled the new code.
    has_compiled: bool,
    slices: Slices,
    burned: Cycles,
    logs: Vec<ExecutionLog>,
}

impl<'a> Hooks<'a> {
    fn new(ready: &'a ReadyInstallation, extent: Extent) -> Self {
        let instructions_max = ready.base.slice_instructions_max;
        Self {
            ready,
            extent,
            used: 0,
            has_compiled: false,
            slices: Slices { count: 1, instructions_max, instructions: 0 },
            burned: 0,
            logs: Vec::new(),
        }
    }

    /// The new code. Counts the instructions for its compilation.
    fn code(&mut self) -> Result<Arc<Code>, Stop> {
        let source = &self.ready.installation.source;
        self.used += source.assembly + source.compilation;
        self.has_compiled = true;
        Ok(source.code.clone()?)
    }

    /// Runs `canister_pre_upgrade` of the old code, then begins with the new code.
    fn upgrade(&mut self, old: &mut Sandbox, flags: UpgradeFlags) -> Result<NewState, Stop> {
        let result = self.replace(old, flags);
        old.undo();
        result
    }

    fn replace(&mut self, old: &mut Sandbox, flags: UpgradeFlags) -> Result<NewState, Stop> {
        let certified_data = self.save(old, flags)?;
        let code = self.code()?;
        let keep_heap = keeps_heap(old.module(), &code.module, flags)?;
        let sandbox = old.successor(code, keep_heap);
        self.begin(NewCode { sandbox, certified_data, hook: "canister_post_upgrade" })
    }

    /// Runs `canister_pre_upgrade` of the old code. Returns the certified data afterwards.
    fn save(&mut self, old: &mut Sandbox, flags: UpgradeFlags) -> Result<Vec<u8>, Stop> {
        let effects = match flags.skip_pre_upgrade {
            Some(true) => Box::default(),
            Some(false) | None => {
                let entry = Entry::Export("canister_pre_upgrade".into());
                self.run(old, EntryPoint::PreUpgrade, entry, &[])?
            }
        };
        Ok(effects.certified_data.unwrap_or_else(|| self.ready.certified_data.clone()))
    }

    /// Runs the start function and the hook of new code.
    fn begin(&mut self, new: NewCode) -> Result<NewState, Stop> {
        let NewCode { mut sandbox, certified_data, hook } = new;
        let input = self.input(&sandbox, EntryPoint::Start);
        sandbox.instantiate(input).map_err(|trap| self.failed(trap))?;
        self.run(&mut sandbox, EntryPoint::Start, Entry::start(), &[])?;
        sandbox.keep();
        let argument = &self.ready.installation.argument;
        let hook = Entry::Export(hook.into());
        let effects = self.run(&mut sandbox, EntryPoint::Init, hook, argument)?;
        sandbox.keep();
        let certified_data = effects.certified_data.unwrap_or(certified_data);
        Ok(NewState { sandbox, certified_data, global_timer: effects.global_timer.flatten() })
    }

    fn failed(&self, trap: Trap) -> Stop {
        trap.into_user_error(self.ready.canister()).into()
    }

    /// The input of a function in this sandbox. New code sees the next version, no timer, and its own
    /// memory usage.
    fn input(&self, sandbox: &Sandbox, entry_point: EntryPoint) -> ExecutionInput {
        let base = self.ready.base.clone();
        if entry_point == EntryPoint::PreUpgrade {
            return base;
        }
        let wasm64 = sandbox.module().info.wasm64;
        let usage = self.ready.usage.with_code(sandbox.module(), sandbox.memories());
        ExecutionInput {
            entry_point,
            environment: Environment { wasm64, ..(*base.environment).clone() }.into(),
            version: base.version + 1,
            global_timer: None,
            memory_bytes: usage.total(),
            ..base
        }
    }

    /// Runs a function, if the module exports it. Its changes of the memories are pending.
    fn run(
        &mut self,
        sandbox: &mut Sandbox,
        entry_point: EntryPoint,
        entry: Entry,
        argument: &[u8],
    ) -> Result<Box<Effects>, Stop> {
        if !sandbox.has(&entry) {
            return Ok(Box::default());
        }
        let input = self.input(sandbox, entry_point);
        let input = ExecutionInput {
            argument: argument.to_vec(),
            // Cycles that earlier hooks burned are taken only if the installation succeeds.
            balance: input.balance - self.burned,
            instructions_max: input.instructions_max.saturating_sub(self.used),
            ..input
        };
        let executed = run_within(sandbox, self.extent, entry, input).ok_or(Stop::TooLong)?;
        self.used += executed.instructions;
        self.slices.instructions += executed.instructions;
        // The first slice of this hook runs in the same round as the last slice of the hook before.
        self.slices.count += executed.slices - 1;
        self.logs.push(executed.log);
        let effects = executed.result.map_err(|trap| self.failed(trap))?;
        self.burned += effects.cycles_burned;
        Ok(effects)
    }
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
