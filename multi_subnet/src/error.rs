//! Everything that can end the benchmark early, in the words the user reads.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use pocket_ic::RejectResponse;
use thiserror::Error as ThisError;

/// Why there is no result. Each message says what to do, where that is known.
#[derive(Debug, ThisError)]
pub enum Error {
    /// A profile that the chosen server cannot follow.
    #[error(
        "the profile `mainnet` is a feature of `--server embedded`, but the server is `{server}`: \
         add `--server embedded`, or leave `--profile` out"
    )]
    ProfileNeedsEmbedded {
        /// The server that was asked for.
        server: String,
    },

    /// A server whose rounds are not those of the profile.
    #[error(
        "the rounds of {server} take time of their own: start it without a profile; `--profile mainnet` works \
         with the server that this program starts itself"
    )]
    OtherProfile {
        /// The server that was asked for.
        server: String,
    },

    /// The server binary cannot be used.
    #[error(
        "cannot use `{}` as PocketIC server: {reason}. `--server` and POCKET_IC_BIN take the path of a PocketIC \
         server binary; write a URL with `http://`; `--server embedded` needs neither", path.display()
    )]
    ServerBinary {
        /// The path as it was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// `CALLER_WASM` or `CALLEE_WASM` names something that cannot be used.
    #[error(
        "{variable} names `{}`, which cannot be used: {reason}. Name a Wasm module, or unset {variable} \
         to use the canister of this workspace", path.display()
    )]
    ModuleFromEnvironment {
        /// The environment variable.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The sources of the canisters are not where this program was built.
    #[error(
        "cannot find `{}` to build the canisters with: run from a checkout of the project, or name both modules \
         with CALLER_WASM and CALLEE_WASM", .0.display()
    )]
    NoBuildScript(PathBuf),

    /// The build script ran and failed.
    #[error("building the canisters failed ({0}): its output above says why")]
    CanisterBuild(ExitStatus),

    /// A file of the workspace cannot be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The embedded server did not start.
    #[error("cannot start the embedded replica: {0}")]
    EmbeddedServer(io::Error),

    /// The threads that drive the client did not start.
    #[error("cannot start the client's runtime: {0}")]
    Runtime(io::Error),

    /// Nothing listens at the URL.
    #[error(
        "no PocketIC server answers at {url} ({reason}): start one there, or use `--server embedded`"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the operating system said.
        reason: String,
    },

    /// The client or its server gave up.
    #[error("{action} failed: {reason}")]
    Client {
        /// What was asked for.
        action: String,
        /// What the client said.
        reason: String,
    },

    /// The server took a request and never answered it.
    #[error("{action} failed: the server did not answer within {limit:?}")]
    NoAnswer {
        /// What was asked for.
        action: String,
        /// How long we waited.
        limit: Duration,
    },

    /// The server made fewer subnets than the benchmark needs.
    #[error("the server made {made} application subnets where {needed} were asked for")]
    MissingSubnets {
        /// How many there are.
        made: usize,
        /// How many there should be.
        needed: usize,
    },

    /// A canister rejected a message.
    #[error(
        "the caller rejected `{method}`: reject code {} ({:?}), error code {:?}: {}",
        reject.reject_code as u64, reject.reject_code, reject.error_code, reject.reject_message
    )]
    Rejected {
        /// The method that was called.
        method: &'static str,
        /// The reject, as the server reported it.
        reject: RejectResponse,
    },

    /// The caller is not a caller of this interface.
    #[error("`{method}` of the caller answered with something other than one number: {reason}")]
    Reply {
        /// The method that was called.
        method: &'static str,
        /// What is wrong with the reply.
        reason: String,
    },

    /// A message did not come to an end.
    #[error(
        "`{method}` was not answered within {rounds} rounds, far more than {calls} calls can need"
    )]
    TooManyRounds {
        /// The method that was called.
        method: &'static str,
        /// How many rounds were executed.
        rounds: u64,
        /// How many calls it was asked for.
        calls: u64,
    },

    /// The result could not be handed over.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
}

impl Error {
    /// 2 when the user has to correct an argument or an environment variable, 1 when the run failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ProfileNeedsEmbedded { .. }
            | Self::ServerBinary { .. }
            | Self::ModuleFromEnvironment { .. } => 2,
            _ => 1,
        }
    }

    /// For `map_err` on file operations.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
