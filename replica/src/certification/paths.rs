//! Who may read what of the state tree (interface specification, "Request: Read state").

use super::tree::{Label, Wanted};
use crate::limits::{READ_STATE_LABELS_MAX, READ_STATE_PATHS_MAX};
use crate::subnet::Subnet;
use crate::types::{CanisterId, MessageId, SubnetId};
use crate::wasm::Visibility;
use candid::Principal;
use std::collections::BTreeSet;

/// Where in the state tree something is.
pub type Path = Vec<Label>;

/// Who reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Who it is.
    pub principal: Principal,
    /// The only canisters he may act for, if not for all.
    pub targets: Option<BTreeSet<CanisterId>>,
}

/// What a request to read is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A canister, whose state can be read, and that of requests to it.
    Canister(CanisterId),
    /// A subnet, whose metrics can be read, and the state of requests to create canisters there.
    Subnet(SubnetId),
}

/// Why something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It is for others.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such thing to be read.
    #[error("the state has no path '{0}', or it cannot be read here")]
    NotFound(String),
}

/// What is asked for with some paths, if all of it may be read.
pub fn check_paths(
    paths: &[Path],
    reader: &Reader,
    scope: Scope,
    subnet: &Subnet,
) -> Result<Wanted, PathError> {
    if paths.len() > READ_STATE_PATHS_MAX {
        let text = format!("at most {READ_STATE_PATHS_MAX} paths can be read at once");
        return Err(PathError::Invalid(text));
    }
    let mut check = Check { reader, scope, subnet, request: None, ranges: None };
    let mut wanted = Wanted::nothing();
    for path in paths {
        check.path(path)?;
        wanted.add(path);
    }
    Ok(wanted)
}

struct Check<'a> {
    reader: &'a Reader,
    scope: Scope,
    subnet: &'a Subnet,
    /// The request whose status was asked for already; there can be one.
    request: Option<MessageId>,
    /// The subnet whose ranges were asked for already; there can be one.
    ranges: Option<Label>,
}

impl Check<'_> {
    fn path(&mut self, path: &Path) -> Result<(), PathError> {
        if path.len() > READ_STATE_LABELS_MAX {
            let text = format!("a path may have at most {READ_STATE_LABELS_MAX} labels");
            return Err(PathError::Invalid(text));
        }
        let labels: Vec<&[u8]> = path.iter().map(Label::as_slice).collect();
        match (labels.as_slice(), self.scope) {
            ([b"time"] | [b"api_boundary_nodes", ..], _) => Ok(()),
            ([b"subnet"] | [b"subnet", _], _) => Ok(()),
            ([b"canister_ranges", subnet], Scope::Subnet(_)) => self.ranges(subnet),
            ([b"subnet", _, b"public_key" | b"canister_ranges" | b"type"], _) => Ok(()),
            ([b"subnet", _, b"node", below @ ..], _) if below.len() <= 2 => Ok(()),
            ([b"subnet", id, b"metrics"], Scope::Subnet(own)) if *id == own.as_slice() => Ok(()),
            ([b"canister", id, b"controllers" | b"module_hash"], Scope::Canister(own)) => {
                check_canister(id, own)
            }
            ([b"canister", id, b"metadata", name], Scope::Canister(own)) => {
                check_canister(id, own)?;
                self.metadata(own, name)
            }
            (
                [b"request_status", id]
                | [
                    b"request_status",
                    id,
                    b"status" | b"reply" | b"reject_code" | b"reject_message" | b"error_code",
                ],
                _,
            ) => self.request(id),
            _ => Err(not_found(path)),
        }
    }

    fn metadata(&self, canister: CanisterId, name: &[u8]) -> Result<(), PathError> {
        let name = str::from_utf8(name)
            .map_err(|_| PathError::Invalid("a metadata section's name must be UTF-8".into()))?;
        let Some(canister) = self.subnet.canister(canister) else { return Ok(()) };
        let section = canister.module().and_then(|module| module.metadata.get(name));
        let is_private = section.is_some_and(|section| section.visibility == Visibility::Private);
        match canister.settings.controllers.contains(&self.reader.principal) {
            false if is_private => Err(PathError::Forbidden(
                "this metadata section can only be read by controllers of the canister",
            )),
            _ => Ok(()),
        }
    }

    fn ranges(&mut self, subnet: &[u8]) -> Result<(), PathError> {
        if self.ranges.replace(subnet.to_vec()).is_some_and(|other| other != subnet) {
            let text = "the canister ranges of one subnet can be read at once";
            return Err(PathError::Invalid(text.into()));
        }
        Ok(())
    }

    fn request(&mut self, id: &[u8]) -> Result<(), PathError> {
        let id = MessageId(id.try_into().map_err(|_| {
            PathError::Invalid(format!("a request id has 32 bytes, not {}", id.len()))
        })?);
        if self.request.replace(id).is_some_and(|other| other != id) {
            return Err(PathError::Invalid("the status of one request can be read at once".into()));
        }
        let Some(record) = self.subnet.ingress_record(id) else { return Ok(()) };
        if record.sender != self.reader.principal {
            return Err(PathError::Forbidden("only who sent a request can read its status"));
        }
        let is_management = record.receiver == Principal::management_canister();
        if matches!(self.scope, Scope::Subnet(_)) && !is_management {
            return Err(PathError::Forbidden(
                "the request was sent to a canister: read its status there",
            ));
        }
        match &self.reader.targets {
            Some(targets) if !targets.contains(&record.receiver) => Err(PathError::Forbidden(
                "the request was sent to a canister the reader's delegation does not cover",
            )),
            _ => Ok(()),
        }
    }
}

/// Fails unless the canister a path is about is the one that is asked.
fn check_canister(id: &[u8], asked: CanisterId) -> Result<(), PathError> {
    if id == asked.as_slice() {
        return Ok(());
    }
    let text = format!("paths about canisters must be about {asked}, which the request is sent to");
    Err(PathError::Invalid(text))
}

fn not_found(path: &Path) -> PathError {
    let labels = path.iter().map(|label| format!("/{}", label.escape_ascii()));
    let mut text: String = labels.collect();
    text.truncate(PATH_SHOWN_BYTES);
    PathError::NotFound(text)
}

/// Bytes of a path that are shown in an error.
const PATH_SHOWN_BYTES: usize = 200;
