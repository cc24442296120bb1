//! Downloading snapshots to a directory, and uploading them from one.

use super::extract::{Id, Shared};
use crate::server::api::{ApiResult, JsonBody};
use crate::server::convert::principal;
use crate::server::snapshot_dir::SnapshotDir;
use axum::Json;
use axum::extract::State;
use pocket_ic::common::rest::*;

pub(super) async fn download(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterSnapshotDownload>,
) -> ApiResult<()> {
    let sender = principal(&raw.sender.principal_id)?;
    let canister = principal(&raw.canister_id.canister_id)?;
    let path = raw.snapshot_dir;
    instances
        .execute(id, |instance| {
            SnapshotDir { instance, path, sender, canister }.download(raw.snapshot_id)
        })
        .await??;
    Ok(Json(()))
}

pub(super) async fn upload(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterSnapshotUpload>,
) -> ApiResult<RawCanisterSnapshotId> {
    let sender = principal(&raw.sender.principal_id)?;
    let canister = principal(&raw.canister_id.canister_id)?;
    let path = raw.snapshot_dir;
    let replaced = raw.replace_snapshot.map(|snapshot| snapshot.snapshot_id);
    let snapshot_id = instances
        .execute(id, |instance| SnapshotDir { instance, path, sender, canister }.upload(replaced))
        .await??;
    Ok(Json(RawCanisterSnapshotId { snapshot_id }))
}
