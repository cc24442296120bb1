//! Limits and constants of the server, and of PocketIC's protocol.
//!
//! A number without a source is a bound of this project.

use super::memory::{GIB, MIB};
use std::time::Duration;

/// Most subnets of the mainnet. Canister ids beyond the ranges of this many subnets cannot be ids of the
/// mainnet (`pocket_ic_server/src/pocket_ic.rs`, `MAXIMUM_NUMBER_OF_SUBNETS_ON_MAINNET`).
pub const MAINNET_SUBNETS_MAX: u64 = 1_024;

/// Most rounds that awaiting an ingress message executes
/// (`pocket_ic_server/src/pocket_ic.rs`).
pub const AWAIT_INGRESS_ROUNDS_MAX: usize = 100;
/// Time after which a request that awaits a message lets other requests use the instance. A round that takes longer is
/// not interrupted.
pub const AWAIT_INGRESS_BATCH: Duration = Duration::from_millis(1);

/// Nanoseconds by which a round advances the time unless a client has advanced it since the last round
/// (`state_machine_tests/src/lib.rs`, `EXECUTE_ROUND_TIME_INCREMENT`).
pub const ROUND_TIME_INCREMENT_NANOS: u64 = 1;

/// Nanoseconds from one heartbeat to the next on an auto-progressing network that is otherwise idle. The
/// interval between two rounds of PocketIC's auto-progress
/// (`pocket_ic_server/src/state_api/state.rs`, `MIN_OPERATION_DELAY`).
pub const HEARTBEAT_INTERVAL_NANOS: u64 = 100_000_000;

/// Longest time that a connection may wait for the complete head of a request. Clients close idle
/// connections earlier, so the server does not close a connection that a client is about to reuse.
pub const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// Longest time for the body of a request to arrive.
pub const REQUEST_BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time in which a client takes nothing of a response that waits to be read. After that, the
/// connection is closed.
pub const RESPONSE_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes that the operating system keeps for each connection until the client reads them. Systems may keep twice as
/// many, or less. Without this bound, Linux keeps 4 MiB for a page that does not read its events.
pub const SEND_BUFFER_BYTES: usize = 256 << 10;

/// Most connections of a server, together with those of its gateways. If a client opens another one, the
/// connections without a request are closed.
pub const CONNECTIONS_MAX: usize = 800;

/// Most connections of a server that have a thread of their own. Other connections share the threads of the server's
/// runtime. A test suite has one or two connections for each test that runs at the same time. Each of these threads
/// also has three open files, of which systems often allow 1,024, and some 256.
pub const CONNECTION_THREADS_MAX: u32 = 32;

/// Time without any movement on a connection, after which a new thread takes the place of its thread, so that no
/// allocator keeps memory for it. The threads of tokio for blocking work also end after ten seconds without work.
pub const CONNECTION_THREAD_REST_TIME: Duration = Duration::from_secs(10);

/// Most bytes that a server holds in bodies of requests that are being read or executed, in blobs that are
/// being decompressed, and in responses that wait to be read: twice the largest blob.
pub const BODIES_BYTES_MAX: usize = 2 * BLOB_BYTES_MAX;

/// Size of a body, in bytes, from which it counts for [`BODIES_BYTES_MAX`]. The number of connections
/// bounds what smaller bodies need.
pub const COUNTED_BODY_BYTES_MIN: usize = 64 << 10;

/// Most bytes that the server reserves for a body because of the length in the head of the request, before
/// the body arrives.
pub const BODY_BYTES_RESERVED_MAX: usize = 64 * MIB as usize;

/// Longest time that a synchronous call of an agent waits until it is accepted and has a certified
/// response. After that, the agent has to poll for the response (`config/src/http_handler.rs`,
/// `ingress_message_certificate_timeout_seconds`).
pub const SYNCHRONOUS_CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Most requests to canisters that the gateway for pages has open at the same time, up to the head of the response.
/// Further requests wait.
pub const OPEN_CANISTER_PAGES_MAX: usize = 100;

/// Longest time until a canister's page has the head of its response. As long as a synchronous call and its polling
/// take on a busy network.
pub const CANISTER_PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a streamed page that the server counts until the page is sent: the first response and four more, which
/// the gateway collects before it streams, each as large as a response of a query may be.
pub const CANISTER_STREAM_BYTES: usize = 5 * 3 * MIB as usize;

/// Most bytes that the server reads of a file with host names of canisters.
pub const CUSTOM_DOMAINS_FILE_BYTES_MAX: u64 = MIB;

/// Time that the server waits after it could not accept a connection, for example because the process
/// has too many open files.
pub const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Time after the signal to end in which a server still takes in what clients have sent before the signal.
/// The operating system tells of a connection or of bytes with a delay.
pub const SERVER_ARRIVAL_TIME: Duration = Duration::from_millis(50);

/// Longest time in which a server that ends completes open requests. A synchronous call of an agent gets
/// its response in this time.
pub const SERVER_DRAIN_TIMEOUT: Duration = SYNCHRONOUS_CALL_TIMEOUT;

/// Longest time that a server waits for its threads after [`SERVER_DRAIN_TIMEOUT`].
pub const SERVER_STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Time that a PocketIC server without requests keeps running, in seconds, unless `--ttl` says otherwise
/// (`pocket_ic_server/src/main.rs`, `TTL_SEC`).
pub const SERVER_TTL_SECONDS_DEFAULT: u64 = 60;

/// Time between two checks whether the time to live of the program is over, in milliseconds.
pub const SERVER_TTL_CHECK_INTERVAL_MILLIS: u64 = 100;

/// Time between two checks whether the server has failed, in milliseconds.
pub const SERVER_FAILURE_CHECK_INTERVAL_MILLIS: u64 = 500;

/// Most bytes that the program holds for standard error until they are written.
pub const STANDARD_ERROR_BYTES_MAX: usize = 16 * MIB as usize;

/// Longest time that anything in the program waits for standard error to be read.
pub const STANDARD_ERROR_PATIENCE: Duration = Duration::from_millis(500);

/// Native stack of each thread that executes canisters, in bytes: the stack of Wasm, and as much again
/// for the replica.
pub const SERVER_THREAD_STACK_BYTES: usize = 2 * super::WASM_STACK_BYTES;

/// Largest body of a request, in bytes: the largest ingress message in base64, and the rest of the
/// request.
pub const REQUEST_BODY_BYTES_MAX: usize = 8 * MIB as usize;

/// Largest body of a query, in bytes: the largest argument of any call ([`REQUEST_BYTES_MAX`]) in
/// base64, and the rest of the request.
///
/// [`REQUEST_BYTES_MAX`]: super::REQUEST_BYTES_MAX
pub const QUERY_BODY_BYTES_MAX: usize = 16 * MIB as usize;

/// Largest body with the responses to an HTTP outcall, in bytes: the largest response
/// ([`OUTCALL_RESPONSE_BYTES_MAX`]) in base64, with headers, from each of the forty nodes of the largest
/// subnet.
///
/// [`OUTCALL_RESPONSE_BYTES_MAX`]: super::OUTCALL_RESPONSE_BYTES_MAX
pub const OUTCALL_BODY_BYTES_MAX: usize = 40 * 3 * MIB as usize;

/// Most HTTP requests that the server makes at the same time for outcalls. This bound keeps canisters from
/// using up the machine's memory and sockets.
pub const OPEN_OUTCALLS_MAX: usize = 100;

/// Largest blob that a client uploads or reads, and largest sum of all blobs that the server keeps, in
/// bytes. This bound keeps a client from using up the machine's memory by accident.
pub const BLOB_BYTES_MAX: usize = GIB as usize;

/// Most subnets of one instance. This bound keeps a client from using up the machine's memory by
/// accident. The mainnet has a few dozen subnets.
pub const INSTANCE_SUBNETS_MAX: usize = 256;

/// Part of a snapshot that one call reads from or writes to a directory, in bytes
/// (`pocket_ic_server/src/pocket_ic.rs`, `MAX_CHUNK_SIZE`).
pub const SNAPSHOT_FILE_CHUNK_BYTES: usize = 2_000_000;

/// Largest file with the metadata of a snapshot, in bytes. Metadata with all globals and chunks that a
/// canister can have is much smaller.
pub const SNAPSHOT_METADATA_BYTES_MAX: usize = MIB as usize;

/// Balance that a user gets from the fake cycles ledger at first use, in cycles: a million trillion.
pub const FAKE_LEDGER_INITIAL_CYCLES: u128 = 1_000_000_000_000_000_000;

/// Fee of a transaction on the fake cycles ledger, in cycles (`cycles-ledger/src/config.rs`, `FEE`).
pub const FAKE_LEDGER_FEE_CYCLES: u128 = 100_000_000;

/// Balance that a user gets from the fake ICP ledger at first use, in hundred-millionths of an ICP (e8s): ten
/// million ICP.
pub const FAKE_LEDGER_INITIAL_E8S: u128 = 1_000_000_000_000_000;

/// Fee of a transaction on the fake ICP ledger, in hundred-millionths of an ICP (e8s)
/// (`ledger-suite/icp`, `DEFAULT_TRANSFER_FEE`).
pub const FAKE_LEDGER_FEE_E8S: u128 = 10_000;

/// Most transfers that the fake ICP ledger remembers for the fake cycles minting canister. A bound of this
/// project.
pub const FAKE_LEDGER_TRANSFERS_MAX: usize = 100_000;

/// The rate at which the fake cycles minting canister converts ICP to cycles, in ten-thousandths of an XDR
/// per ICP (`pocket_ic_server/src/pocket_ic.rs`, `xdr_permyriad_per_icp`). One XDR is a trillion cycles,
/// and one ICP has 100 million e8s, so this is also the number of cycles per e8.
pub const FAKE_XDR_PERMYRIAD_PER_ICP: u64 = 35_200;

/// Longest memo of a deposit into the fake cycles ledger, in bytes (`nns/cmc/src/main.rs`,
/// `MAX_MEMO_LENGTH`).
pub const FAKE_LEDGER_MEMO_BYTES_MAX: usize = 32;

/// Time in which a fake ledger recognises a duplicate of a transaction, in seconds (ICRC-1, "Transaction
/// deduplication").
pub const FAKE_LEDGER_TRANSACTION_WINDOW_SECONDS: u64 = 24 * 60 * 60;

/// Largest difference between the time of a fake ledger and the clock of a user, in seconds (ICRC-1,
/// "Transaction deduplication").
pub const FAKE_LEDGER_PERMITTED_DRIFT_SECONDS: u64 = 2 * 60;

/// Bytes of the modules that a server compiles before a round, for the calls that wait for the round: as many as
/// an instance installs in a moment. Calls may name the same chunks again and again, so the sum of all modules
/// has no other bound.
pub const WAITING_MODULES_BYTES_MAX: usize = 32 * MIB as usize;

/// Length of the token in the link to the page of a network, in bytes.
pub const PAGE_TOKEN_BYTES: usize = 16;

/// Shortest time between two messages to a page about the state of the network.
pub const PAGE_STATE_INTERVAL: Duration = Duration::from_millis(250);

/// Bytes per second that a page gets about the state of a network: after a large message, the next one waits longer
/// than [`PAGE_STATE_INTERVAL`].
pub const PAGE_STATE_BYTES_PER_SECOND: u64 = 256 << 10;

/// Shortest time between two messages to a page about calls, or about logs.
pub const PAGE_CALLS_INTERVAL: Duration = Duration::from_millis(100);

/// Most pages of one network that are open at the same time.
pub const PAGE_READERS_MAX: usize = 256;

/// Longest time in which a page takes no message. After that, the server closes the connection, and the page connects
/// again.
pub const PAGE_READER_TIMEOUT: Duration = Duration::from_secs(10);

/// Most messages that the server holds for slow pages. All pages share them, and a page that is further behind is cut
/// off: the messages of about ten seconds.
pub const PAGE_MESSAGES_MAX: usize = 256;

/// Time for which a network is watched on after its last page was closed, so that a page that is loaded again sees what
/// happened before.
pub const PAGE_LINGER: Duration = Duration::from_secs(10);

/// Most bytes of the lines of canister logs that a network remembers for pages.
pub const PAGE_LOG_BYTES_MAX: usize = 128 << 10;

/// Most bytes of lines in one message to a page. Of more lines, the page gets the latest.
pub const PAGE_LOG_MESSAGE_BYTES_MAX: usize = 32 << 10;

/// Most bytes of a line that a page gets. The rest of the line is left out.
pub const PAGE_LOG_LINE_BYTES_MAX: usize = 4 << 10;

/// Bytes that a line counts beside its text: those of the other fields of the message.
pub const PAGE_LOG_LINE_OVERHEAD_BYTES: usize = 100;

/// Most bytes of a method name, and of a reject message, that a page gets.
pub const PAGE_TEXT_BYTES_MAX: usize = 300;

/// Time after which a page without messages gets a comment, which keeps the connection open and shows whether the page
/// is still there.
pub const PAGE_COMMENT_INTERVAL: Duration = Duration::from_secs(15);

/// Most calls, and most refusals, that a network remembers for pages: what a page that is opened shows of the past. A
/// message that makes 2,000 calls in a window is shown as a whole.
pub const WATCHED_CALLS_MAX: usize = 2_500;

/// Most calls that pages show at once before further ones are left out.
pub const WATCHED_CALLS_BURST_MAX: u64 = WATCHED_CALLS_MAX as u64;

/// Calls per second that pages show in the long run. A call has about 350 bytes in a message to a page, and changes at
/// most twice, so a page gets less than half a megabyte per second.
pub const WATCHED_CALLS_PER_SECOND: u64 = 500;

/// Most call contexts of which a network remembers, for pages, which message they belong to.
pub const WATCHED_CONTEXTS_MAX: usize = 10_000;
