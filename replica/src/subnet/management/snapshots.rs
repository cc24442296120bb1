//! Management calls that take, load, list and delete snapshots.

use super::Call;
use crate::canister::{self, Canister, Code, Snapshot, SnapshotId, Source};
use crate::error::{ErrorCode, UserError};
use crate::ic00::encode;
use crate::limits::{SNAPSHOT_INSTRUCTIONS, SNAPSHOTS_MAX};
use crate::subnet::Subnet;
use crate::types::{CanisterId, Instructions, Payload};
use ic_management_canister_types::{
    CanisterIdRecord, ChangeDetails, DeleteCanisterSnapshotArgs, LoadCanisterSnapshotArgs,
    LoadSnapshotRecord, SnapshotSource, TakeCanisterSnapshotArgs,
};

impl Subnet {
    pub(super) fn take_snapshot(&mut self, call: &Call) -> Result<Payload, UserError> {
        let arguments: TakeCanisterSnapshotArgs = call.decode()?;
        let (capacity, now) = (self.capacity(), self.time);
        let baseline = self.config.baseline(SNAPSHOT_INSTRUCTIONS);
        let canister = self.authorized_canister(call, arguments.canister_id.into())?;
        let replaced = to_be_replaced(canister, arguments.replace_snapshot.as_deref())?;
        canister.debits.check_writing(canister.id)?;
        let snapshot = Snapshot::of(canister, now).ok_or_else(|| {
            UserError::new(
                ErrorCode::CanisterRejectedMessage,
                format!("Failed to create snapshot for empty canister {}", canister.id),
            )
        })?;
        let uninstalls = arguments.uninstall_code == Some(true);
        let usage = canister.memory_usage();
        let uninstalled = if uninstalls { usage.code() + usage.chunks } else { 0 };
        let before = usage.total();
        let after = before + snapshot.bytes() - bytes(canister, replaced) - uninstalled;
        let instructions = baseline + snapshot.bytes() as Instructions;
        let cost = capacity.prices.instructions(instructions, false);
        capacity.resize(canister, before, after, cost)?;
        canister.debits.add_heap_delta(snapshot.heap_delta_bytes());
        let snapshot = add(canister, snapshot, replaced);
        let mut responses = Vec::new();
        if uninstalls {
            responses = canister::uninstall(canister);
            canister.check_low_wasm_memory();
            let version = arguments.sender_canister_version;
            call.record(canister, now, version, ChangeDetails::CodeUninstall);
        }
        for response in responses {
            self.respond(response);
        }
        self.spend(instructions);
        Ok(encode((snapshot,)))
    }

    /// Loads a snapshot of the same canister or of another canister of the subnet. The caller must control
    /// both canisters.
    pub(super) fn load_snapshot(&mut self, call: &Call) -> Result<(), UserError> {
        let arguments: LoadCanisterSnapshotArgs = call.decode()?;
        let target = CanisterId::from(arguments.canister_id);
        self.authorized_canister(call, target)?.debits.check_writing(target)?;
        let id = parse(&arguments.snapshot_id)?;
        let missing = || not_found(id, target);
        let source = self.canisters.get(&id.canister).ok_or_else(missing)?;
        let snapshot = source.snapshots.get(id.number).ok_or_else(missing)?;
        if !source.settings.controllers.contains(&call.caller) {
            return Err(UserError::new(
                ErrorCode::CanisterRejectedMessage,
                format!(
                    "Only a controller of the canister that snapshot {id} belongs to can load it on \
                     canister {target}. Sender: {}.",
                    call.caller
                ),
            ));
        }
        let known = &self.known_modules;
        let source = Source::new(target, Ok(&snapshot.module), 0, known, &self.round_input());
        let code = source.code?;
        // Cloned because the snapshot may belong to the canister that is changed. The pages are shared.
        let snapshot = snapshot.clone();
        let (capacity, now) = (self.capacity(), self.time);
        let baseline = self.config.baseline(SNAPSHOT_INSTRUCTIONS);
        let canister = self.authorized_canister(call, target)?;
        check_uploaded(canister, &snapshot, &code)?;
        let compilation = source.compilation;
        let cost = capacity.prices.instructions(baseline, false)
            + capacity.prices.instructions(
                compilation + snapshot.bytes() as Instructions,
                code.module.info.wasm64,
            );
        let before = canister.memory_usage().total();
        let after = snapshot.usage_in(canister, &code).total();
        capacity.resize(canister, before, after, cost)?;
        snapshot.load(canister, code);
        canister.debits.add_heap_delta(snapshot.heap_delta_bytes());
        canister.check_low_wasm_memory();
        let record = LoadSnapshotRecord {
            from_canister_id: (id.canister != target).then_some(id.canister.into()),
            snapshot_id: id.to_bytes(),
            canister_version: snapshot.version,
            taken_at_timestamp: snapshot.taken_at.as_nanos(),
            source: source_of(&snapshot),
        };
        let version = arguments.sender_canister_version;
        call.record(canister, now, version, ChangeDetails::LoadSnapshot(record));
        self.spend(compilation);
        Ok(())
    }

    pub(super) fn list_snapshots(&mut self, call: &Call) -> Result<Payload, UserError> {
        let CanisterIdRecord { canister_id } = call.decode()?;
        let canister = self.authorized_canister(call, canister_id.into())?;
        let snapshots = canister.snapshots.iter().map(|(number, snapshot)| {
            described(SnapshotId { canister: canister_id.into(), number }, snapshot)
        });
        Ok(encode((snapshots.collect::<Vec<_>>(),)))
    }

    pub(super) fn delete_snapshot(&mut self, call: &Call) -> Result<(), UserError> {
        let DeleteCanisterSnapshotArgs { canister_id, snapshot_id } = call.decode()?;
        let capacity = self.capacity();
        let canister = self.authorized_canister(call, canister_id.into())?;
        let (number, snapshot) = of(canister, &snapshot_id)?;
        let before = canister.memory_usage().total();
        let after = before - snapshot.bytes();
        capacity.resize(canister, before, after, 0)?;
        canister.snapshots.remove(number);
        Ok(())
    }
}

/// Parses the id of a snapshot.
fn parse(id: &[u8]) -> Result<SnapshotId, UserError> {
    SnapshotId::parse(id).ok_or_else(|| {
        UserError::new(
            ErrorCode::InvalidManagementPayload,
            format!("The {} bytes are not the id of a snapshot", id.len()),
        )
    })
}

fn not_found(id: SnapshotId, canister: CanisterId) -> UserError {
    UserError::new(
        ErrorCode::CanisterSnapshotNotFound,
        format!("Could not find the snapshot ID {id} for canister {canister}."),
    )
}

/// The number and the snapshot with this id, which must belong to the canister.
pub(super) fn of<'a>(canister: &'a Canister, id: &[u8]) -> Result<(u64, &'a Snapshot), UserError> {
    let id = parse(id)?;
    if id.canister != canister.id {
        return Err(UserError::new(
            ErrorCode::CanisterRejectedMessage,
            format!("The snapshot {id} does not belong to canister {}.", canister.id),
        ));
    }
    let snapshot = canister.snapshots.get(id.number);
    Ok((id.number, snapshot.ok_or_else(|| not_found(id, canister.id))?))
}

/// The number of the snapshot that a new snapshot replaces. If none is replaced, checks that the canister
/// can have another snapshot.
pub(super) fn to_be_replaced(
    canister: &Canister,
    id: Option<&[u8]>,
) -> Result<Option<u64>, UserError> {
    if let Some(id) = id {
        return of(canister, id).map(|(number, _)| Some(number));
    }
    if canister.snapshots.iter().len() < SNAPSHOTS_MAX {
        return Ok(None);
    }
    Err(UserError::new(
        ErrorCode::CanisterRejectedMessage,
        format!(
            "Canister {} has reached the maximum number of snapshots allowed: {SNAPSHOTS_MAX}.",
            canister.id
        ),
    ))
}

/// The size in bytes of the snapshot with this number, or 0 without a number.
pub(super) fn bytes(canister: &Canister, number: Option<u64>) -> u64 {
    number.and_then(|number| canister.snapshots.get(number)).map_or(0, Snapshot::bytes)
}

/// Adds a snapshot, in place of the one with the number `replaced`, and returns its description.
pub(super) fn add(
    canister: &mut Canister,
    snapshot: Snapshot,
    replaced: Option<u64>,
) -> ic_management_canister_types::Snapshot {
    if let Some(number) = replaced {
        canister.snapshots.remove(number);
    }
    let mut description = described(SnapshotId { canister: canister.id, number: 0 }, &snapshot);
    let number = canister.snapshots.push(snapshot);
    description.id = SnapshotId { canister: canister.id, number }.to_bytes();
    description
}

fn described(id: SnapshotId, snapshot: &Snapshot) -> ic_management_canister_types::Snapshot {
    ic_management_canister_types::Snapshot {
        id: id.to_bytes(),
        taken_at_timestamp: snapshot.taken_at.as_nanos(),
        total_size: snapshot.bytes(),
    }
}

/// The source of a snapshot: taken from a canister, or uploaded.
pub(super) fn source_of(snapshot: &Snapshot) -> SnapshotSource {
    let nothing = candid::Reserved;
    match snapshot.uploaded {
        true => SnapshotSource::MetadataUpload(nothing),
        false => SnapshotSource::TakenFromCanister(nothing),
    }
}

/// Checks that an uploaded snapshot is consistent with its code and with the canister.
fn check_uploaded(canister: &Canister, snapshot: &Snapshot, code: &Code) -> Result<(), UserError> {
    if !snapshot.uploaded {
        return Ok(());
    }
    let inconsistent =
        |text: String| Err(UserError::new(ErrorCode::InvalidManagementPayload, text));
    if !snapshot.memories.fit(code) {
        return inconsistent(
            "Wasm exported globals or memory of canister module and snapshot metadata do not match."
                .to_owned(),
        );
    }
    let is_low = canister.is_wasm_memory_low(snapshot.memories.heap_bytes());
    match snapshot.low_wasm_memory_hook {
        Some(hook) if hook.means_low() != is_low => inconsistent(format!(
            "Hook status ({hook:?}) of uploaded snapshot is inconsistent with the canister's state \
             (hook condition satisfied: {is_low})."
        )),
        _ => Ok(()),
    }
}
