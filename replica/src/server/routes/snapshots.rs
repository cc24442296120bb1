//! Snapshots on their way to and from directories.

use super::{Id, Shared};
use crate::server::api::{Answer, ApiResult, Body};
use crate::server::convert::principal;
use crate::server::snapshot_dir::SnapshotDir;
use axum::extract::State;
use pocket_ic::common::rest::*;

pub(super) async fn download(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterSnapshotDownload>,
) -> ApiResult<()> {
    let sender = principal(&raw.sender.principal_id)?;
    let canister = principal(&raw.canister_id.canister_id)?;
    let path = raw.snapshot_dir;
    instances
        .execute(id, |instance| {
            SnapshotDir { instance, path, sender, canister }.download(raw.snapshot_id)
        })
        .await??;
    Ok(Answer(()))
}

pub(super) async fn upload(
    State(instances): Shared,
    Id(id): Id,
    Body(raw): Body<RawCanisterSnapshotUpload>,
) -> ApiResult<RawCanisterSnapshotId> {
    let sender = principal(&raw.sender.principal_id)?;
    let canister = principal(&raw.canister_id.canister_id)?;
    let path = raw.snapshot_dir;
    let replaced = raw.replace_snapshot.map(|snapshot| snapshot.snapshot_id);
    let snapshot_id = instances
        .execute(id, |instance| SnapshotDir { instance, path, sender, canister }.upload(replaced))
        .await??;
    Ok(Answer(RawCanisterSnapshotId { snapshot_id }))
}
