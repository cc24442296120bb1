//! The errors that end the benchmark, with their messages for the user.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use embedded_replica::server::ListenError;
use pocket_ic::RejectResponse;
use thiserror::Error as ThisError;

/// Why the benchmark has no result. Most messages say what to do.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The chosen server does not have the chosen profile.
    #[error(
        "the profile `mainnet` is a feature of `--server embedded`, but the server is `{server}`: \
         add `--server embedded`, or leave `--profile` out"
    )]
    ProfileNeedsEmbedded {
        /// The chosen server.
        server: String,
    },

    /// The server has another profile than `pocket-ic`.
    #[error(
        "the rounds of {server} take time of their own: start that server without a profile. For \
         `--profile mainnet`, use `--server embedded`"
    )]
    OtherProfile {
        /// The chosen server.
        server: String,
    },

    /// An option has several values, but there is no sweep.
    #[error("{option} has more than one value: add `--sweep` to measure with each of them")]
    ListNeedsSweep {
        /// The option.
        option: &'static str,
    },

    /// An option needs the events of the embedded server.
    #[error(
        "{option} shows what happens inside the replica, which only `--server embedded` tells, but the server is \
         `{server}`: add `--server embedded`, or leave {option} out"
    )]
    FilesNeedEmbedded {
        /// The option.
        option: &'static str,
        /// The chosen server.
        server: String,
    },

    /// Host times are wanted in results that nobody wants.
    #[error(
        "`--with-host-times` is about the results that a run writes, and this run writes none: add `--save FILE`, or \
         `--baseline FILE --persist`"
    )]
    HostTimesNeedResults,

    /// Two options name the same file.
    #[error(
        "{first} and {second} name the same file, `{}`: one would overwrite the other, so give each its own file{}",
        path.display(), if *second == "--save" && *first == "--baseline" {
            " (to accept the new results as the baseline, use `--persist` instead of `--save`)"
        } else { "" }
    )]
    SameFile {
        /// An option or an environment variable.
        first: &'static str,
        /// An option.
        second: &'static str,
        /// The file.
        path: PathBuf,
    },

    /// The format of a trace is not known.
    #[error(
        "the name `{}` does not say the format of the trace: name it .jsonl (JSON lines) or .json (for Perfetto), or \
         add `--trace-format jsonl` or `--trace-format perfetto`", path.display()
    )]
    TraceFormat {
        /// The name of the file.
        path: PathBuf,
    },

    /// A file that the user names cannot be there.
    #[error("cannot write `{}`: name a file in a folder that exists", path.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
    },

    /// A file that the user names cannot be written.
    #[error("cannot write `{}`: {reason}", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// Why it cannot be written.
        reason: String,
    },

    /// A folder that the user names is, or would be in, a file.
    #[error("`{}` is not a folder: `--svg` needs a folder for several files", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },

    /// Nobody can listen to the instance.
    #[error("cannot record the events: {0}")]
    Listen(ListenError),

    /// A file cannot be the baseline of this run.
    #[error("cannot use `{}` as baseline: {reason}", path.display())]
    Baseline {
        /// The file.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },

    /// A figure is worse than the baseline.
    #[error(
        "this run is worse than the baseline `{file}`: the table says in which figure. If the change is intended, add \
         --persist"
    )]
    WorseThanBaseline {
        /// The file with the baseline.
        file: String,
    },

    /// The server binary cannot be used.
    #[error(
        "cannot use `{}` as PocketIC server: {reason}. `--server` and POCKET_IC_BIN accept the path of a PocketIC \
         server binary, and `--server` a URL that starts with `http://`; `--server embedded` needs neither", path.display()
    )]
    ServerBinary {
        /// The path of the binary.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },

    /// `CALLER_WASM` or `CALLEE_WASM` names a file that cannot be used.
    #[error(
        "{variable} names `{}`, which cannot be used: {reason}. Name a Wasm module, or unset {variable} \
         to use the canister of this workspace", path.display()
    )]
    ModuleFromEnvironment {
        /// The environment variable.
        variable: &'static str,
        /// The path in that variable.
        path: PathBuf,
        /// Why it cannot be used.
        reason: String,
    },

    /// The canisters cannot be built: this program was not built in a checkout of the project.
    #[error(
        "this program has no canisters to measure, because it was not built in a checkout of the project (there is no \
         `{}`): name the Wasm modules of a caller and a callee with CALLER_WASM and CALLEE_WASM; `multi_subnet --help` \
         says which methods they need", script.display()
    )]
    NoCanisters {
        /// The build script of a checkout, which does not exist.
        script: PathBuf,
    },

    /// The build script failed.
    #[error("building the canisters failed ({0}): its output above says why")]
    CanisterBuild(ExitStatus),

    /// A file of the workspace cannot be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// The operation that failed, as a verb such as `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },

    /// The embedded server does not start.
    #[error("cannot start the embedded replica: {0}")]
    EmbeddedServer(io::Error),

    /// The asynchronous runtime of the client does not start.
    #[error("cannot start the client's runtime: {0}")]
    Runtime(io::Error),

    /// Nothing listens at the URL.
    #[error(
        "no PocketIC server answers at {url} ({reason}): start one there, or use `--server embedded`"
    )]
    Unreachable {
        /// The URL.
        url: String,
        /// The error of the operating system.
        reason: String,
    },

    /// The client or the server failed.
    #[error("{action} failed: {reason}")]
    Client {
        /// The operation, such as `creating the caller`.
        action: String,
        /// The client's message.
        reason: String,
    },

    /// The server did not respond to a request in time.
    #[error("{action} failed: the server did not respond within {limit:?}")]
    NoAnswer {
        /// The operation, such as `creating the caller`.
        action: String,
        /// The time limit.
        limit: Duration,
    },

    /// The server created fewer subnets than the benchmark needs.
    #[error("the server created {made} application subnets instead of {needed}")]
    MissingSubnets {
        /// The number of subnets that exist.
        made: usize,
        /// The number of subnets that the benchmark needs.
        needed: usize,
    },

    /// The caller rejected a message.
    #[error(
        "the caller rejected `{method}`: reject code {} ({:?}), error code {:?}: {}",
        reject.reject_code as u64, reject.reject_code, reject.error_code, reject.reject_message
    )]
    Rejected {
        /// The method that was called.
        method: &'static str,
        /// The reject.
        reject: RejectResponse,
    },

    /// The reply of the caller does not have the expected type.
    #[error("the reply of the caller's `{method}` is not as expected: {reason}")]
    Reply {
        /// The method that was called.
        method: &'static str,
        /// What is wrong with the reply.
        reason: String,
    },

    /// The caller did not reply within the limit of rounds.
    #[error("`{method}` got no response within {rounds} rounds, far more than {calls} calls need")]
    TooManyRounds {
        /// The method that was called.
        method: &'static str,
        /// The number of rounds that were executed.
        rounds: u64,
        /// The number of calls that the benchmark requested from the caller.
        calls: u64,
    },

    /// The result cannot be written to standard output.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
}

impl Error {
    /// The exit code of the program: 2 if the user has to correct an argument, an environment variable
    /// or a baseline, 3 if a figure is worse than the baseline, and 1 if the run failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ProfileNeedsEmbedded { .. }
            | Self::ListNeedsSweep { .. }
            | Self::FilesNeedEmbedded { .. }
            | Self::HostTimesNeedResults
            | Self::SameFile { .. }
            | Self::TraceFormat { .. }
            | Self::NoFolder { .. }
            | Self::NotWritable { .. }
            | Self::Baseline { .. }
            | Self::NotAFolder { .. }
            | Self::ServerBinary { .. }
            | Self::ModuleFromEnvironment { .. }
            | Self::NoCanisters { .. } => 2,
            Self::WorseThanBaseline { .. } => 3,
            _ => 1,
        }
    }

    /// Converts the error of a file operation, for `map_err`.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
