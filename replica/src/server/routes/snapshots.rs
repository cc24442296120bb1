//! Downloading snapshots to a directory, and uploading them from one.

use super::extract::{Id, Shared};
use crate::instance::Instance;
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
    let download = |instance: &mut Instance| {
        let path = raw.snapshot_dir.clone();
        let snapshot = raw.snapshot_id.clone();
        (!instance.is_executing())
            .then(|| SnapshotDir { instance, path, sender, canister }.download(snapshot))
    };
    instances.get(id)?.execute_round(download).await??;
    Ok(Json(()))
}

pub(super) async fn upload(
    State(instances): Shared,
    Id(id): Id,
    JsonBody(raw): JsonBody<RawCanisterSnapshotUpload>,
) -> ApiResult<RawCanisterSnapshotId> {
    let sender = principal(&raw.sender.principal_id)?;
    let canister = principal(&raw.canister_id.canister_id)?;
    let replaced = raw.replace_snapshot.map(|snapshot| snapshot.snapshot_id);
    let upload = |instance: &mut Instance| {
        let (path, replaced) = (raw.snapshot_dir.clone(), replaced.clone());
        (!instance.is_executing())
            .then(|| SnapshotDir { instance, path, sender, canister }.upload(replaced))
    };
    let snapshot_id = instances.get(id)?.execute_round(upload).await??;
    Ok(Json(RawCanisterSnapshotId { snapshot_id }))
}
