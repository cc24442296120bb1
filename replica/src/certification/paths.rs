//! Access control for `read_state`: who may read which paths of the state tree (interface specification,
//! "Request: Read state").

use super::tree::{Label, Selection};
use crate::limits::{READ_STATE_LABELS_MAX, READ_STATE_PATHS_MAX};
use crate::subnet::Subnet;
use crate::types::{CanisterId, MessageId, SubnetId};
use crate::wasm::Visibility;
use candid::Principal;
use std::collections::BTreeSet;

/// A path in the state tree: the labels from the root.
pub type Path = Vec<Label>;

/// The sender of a `read_state` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The principal of the sender.
    pub principal: Principal,
    /// The canisters that the delegation of the sender is restricted to. `None` for no restriction.
    pub targets: Option<BTreeSet<CanisterId>>,
}

/// The endpoint that a `read_state` request is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The endpoint of a canister. It serves the state of the canister and of requests to the canister.
    Canister(CanisterId),
    /// The endpoint of a subnet. It serves the metrics of the subnet and the status of management calls.
    Subnet(SubnetId),
}

/// The error for a user who reads the status of a request of somebody else. Programs look for these words.
pub const NOT_THE_SENDER: &str = "The user tries to access Request ID not signed by the caller.";

/// Why a path cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The request is not valid.
    #[error("{0}")]
    Invalid(String),
    /// The sender may not read the path.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The state tree has no such path, or this endpoint does not serve it.
    #[error("the state has no path '{0}', or it cannot be read here")]
    NotFound(String),
}

/// Checks that `reader` may read all `paths` at the endpoint `scope`. Returns the parts of the state tree
/// to reveal.
///
/// # Errors
///
/// - [`PathError::Invalid`] if the paths exceed a limit, are malformed, or belong to another canister.
/// - [`PathError::Forbidden`] if the reader may not read a path.
/// - [`PathError::NotFound`] if this endpoint does not serve a path.
pub fn check_paths(
    paths: &[Path],
    reader: &Reader,
    scope: Scope,
    subnet: &Subnet,
) -> Result<Selection, PathError> {
    if paths.len() > READ_STATE_PATHS_MAX {
        let text = format!("at most {READ_STATE_PATHS_MAX} paths can be read at once");
        return Err(PathError::Invalid(text));
    }
    let mut check = Check { reader, scope, subnet, request: None, ranges: None };
    let mut selection = Selection::nothing();
    for path in paths {
        check.path(path)?;
        selection.add(path);
    }
    Ok(selection)
}

struct Check<'a> {
    reader: &'a Reader,
    scope: Scope,
    subnet: &'a Subnet,
    /// The request id of an earlier path. One `read_state` request can read the status of one request.
    request: Option<MessageId>,
    /// The subnet of an earlier path `canister_ranges`. One `read_state` request can read the canister
    /// ranges of one subnet.
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
        let name = str::from_utf8(name).map_err(|_| {
            PathError::Invalid("the name of a metadata section must be UTF-8".into())
        })?;
        let Some(canister) = self.subnet.canister(canister) else { return Ok(()) };
        let section = canister.module().and_then(|module| module.metadata.get(name));
        let is_private = section.is_some_and(|section| section.visibility == Visibility::Private);
        match canister.settings.controllers.contains(&self.reader.principal) {
            false if is_private => Err(PathError::Forbidden(
                "only controllers of the canister can read this metadata section",
            )),
            _ => Ok(()),
        }
    }

    fn ranges(&mut self, subnet: &[u8]) -> Result<(), PathError> {
        if self.ranges.replace(subnet.to_vec()).is_some_and(|other| other != subnet) {
            let text = "one read_state request can read the canister ranges of only one subnet";
            return Err(PathError::Invalid(text.into()));
        }
        Ok(())
    }

    fn request(&mut self, id: &[u8]) -> Result<(), PathError> {
        let id = MessageId(id.try_into().map_err(|_| {
            PathError::Invalid(format!("a request id has 32 bytes, not {}", id.len()))
        })?);
        if self.request.replace(id).is_some_and(|other| other != id) {
            return Err(PathError::Invalid(
                "one read_state request can read the status of only one request".into(),
            ));
        }
        let Some(record) = self.subnet.ingress_record(id) else { return Ok(()) };
        if record.sender != self.reader.principal {
            return Err(PathError::Forbidden(NOT_THE_SENDER));
        }
        let is_management = record.receiver.is_management();
        if matches!(self.scope, Scope::Subnet(_)) && !is_management {
            return Err(PathError::Forbidden(
                "the request was sent to a canister: read its status at the endpoint of the canister",
            ));
        }
        match &self.reader.targets {
            Some(targets) if !targets.contains(&record.receiver) => Err(PathError::Forbidden(
                "the delegation of the sender does not cover the canister that the request was sent to",
            )),
            _ => Ok(()),
        }
    }
}

/// Checks that the canister in a path is the canister of the endpoint.
fn check_canister(id: &[u8], endpoint: CanisterId) -> Result<(), PathError> {
    if id == endpoint.as_slice() {
        return Ok(());
    }
    let text = format!(
        "the request is sent to canister {endpoint}, so its paths cannot name another canister"
    );
    Err(PathError::Invalid(text))
}

fn not_found(path: &Path) -> PathError {
    let labels = path.iter().map(|label| format!("/{}", label.escape_ascii()));
    let mut text: String = labels.collect();
    text.truncate(PATH_SHOWN_BYTES);
    PathError::NotFound(text)
}

/// Most bytes of a path in an error message.
const PATH_SHOWN_BYTES: usize = 200;
