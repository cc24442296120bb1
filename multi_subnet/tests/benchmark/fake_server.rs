//! A fake PocketIC server. It speaks as much of the protocol as one run of the benchmark needs, behaves as a test says, and
//! executes no canisters. Tests use it for faults that a real server does not have, and for callers with another interface.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{delete, get, post},
};
use multi_subnet::interface::NumberType;
use pocket_ic::{
    ErrorCode, RejectCode, RejectResponse,
    common::rest::{RawCanisterCall, RawCanisterResult, RawEffectivePrincipal, RawMessageId},
};
use serde_json::{Value, json};

/// How the server and the caller on it behave.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// The type the caller accepts.
    pub numbers: NumberType,
    /// Whether the caller has `setup_callee`.
    pub has_setup: bool,
    /// Rounds until a message has its response.
    pub rounds: u64,
    /// What a measured call is rejected with.
    pub reject: Option<String>,
    /// How many calls it claims have succeeded.
    pub succeeded: u64,
    /// Whether `tick` fails.
    pub broken: bool,
    /// The round of a measured message in which awaiting it fails.
    pub breaks_in_round: Option<u64>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            numbers: NumberType::Nat64,
            has_setup: true,
            rounds: 2,
            reject: None,
            succeeded: 5,
            broken: false,
            breaks_in_round: None,
        }
    }
}

/// What the server was asked.
#[derive(Debug, Default)]
pub struct Seen {
    /// Method names of all messages, in order.
    pub methods: Vec<String>,
    /// How many rounds it executed.
    pub ticks: u64,
    /// How many requests awaited a measured message.
    pub awaits: u64,
    /// How many instances it deleted.
    pub deleted: u64,
    cycles: u64,
    /// What was submitted and its tick; a message's id is its index.
    pending: Vec<(RawCanisterCall, u64)>,
}

/// The server, as a test sees it.
#[derive(Clone)]
pub struct FakeServer {
    behaviour: Arc<Behaviour>,
    seen: Arc<Mutex<Seen>>,
    /// Where it listens.
    pub url: String,
}

impl FakeServer {
    /// Starts it on a thread that ends with the test process.
    pub fn start(behaviour: Behaviour) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket can do that");
        let url = format!("http://{}/", listener.local_addr().expect("the socket is bound"));
        let server = Self { behaviour: Arc::new(behaviour), seen: Arc::default(), url };
        let routes = server.routes();
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("threads");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, routes).await
            })
        });
        server
    }

    /// What it has been asked so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no handler panics")
    }

    fn routes(&self) -> Router {
        Router::new()
            .route(
                "/instances",
                post(async || {
                    Json(json!({"Created": {
                "instance_id": 7, "topology": topology(), "http_gateway_info": null}}))
                }),
            )
            .route(
                "/instances/7/",
                delete(async |State(server): State<Self>| server.seen().deleted += 1),
            )
            .route("/instances/7/read/topology", get(async || Json(topology())))
            .route("/instances/7/read/get_cycles", post(cycles))
            .route("/instances/7/read/get_time", get(time))
            .route("/instances/7/update/tick", post(tick))
            .route("/instances/7/update/submit_ingress_message", post(submit))
            .route("/instances/7/update/await_ingress_message", post(await_answer))
            .with_state(self.clone())
    }

    fn answer(&self, call: &RawCanisterCall) -> RawCanisterResult {
        let reply = |bytes| RawCanisterResult::Ok(bytes);
        match call.method.as_str() {
            "provisional_create_canister_with_cycles" => reply(candid_record_of_a_canister()),
            "setup_callee" if !self.behaviour.has_setup => reject(
                RejectCode::CanisterError,
                ErrorCode::CanisterMethodNotFound,
                "no such method",
            ),
            "sequential_calls" | "parallel_calls" => self.answer_measured(&call.payload),
            _ => reply(b"DIDL\0\0".to_vec()),
        }
    }

    fn answer_measured(&self, payload: &[u8]) -> RawCanisterResult {
        let decoded = match self.behaviour.numbers {
            NumberType::Nat64 => candid::decode_one::<u64>(payload).is_ok(),
            NumberType::Nat => candid::decode_one::<candid::Nat>(payload).is_ok(),
        };
        match (&self.behaviour.reject, decoded) {
            (_, false) => {
                reject(RejectCode::CanisterError, ErrorCode::CanisterCalledTrap, "cannot decode")
            }
            (Some(text), _) => {
                reject(RejectCode::CanisterReject, ErrorCode::CanisterRejectedMessage, text)
            }
            (None, _) => RawCanisterResult::Ok(
                self.behaviour.numbers.encode(self.behaviour.succeeded).expect("encodes"),
            ),
        }
    }
}

async fn cycles(State(server): State<FakeServer>) -> Json<Value> {
    let mut seen = server.seen();
    seen.cycles += 1;
    Json(json!({"cycles": 1_000_000 - 1_000 * seen.cycles}))
}

/// A nanosecond a round, as in PocketIC.
async fn time(State(server): State<FakeServer>) -> Json<Value> {
    Json(json!({ "nanos_since_epoch": server.seen().ticks }))
}

async fn tick(State(server): State<FakeServer>) -> (StatusCode, Json<Value>) {
    if server.behaviour.broken {
        return (StatusCode::BAD_REQUEST, Json(json!({"message": "out of order"})));
    }
    server.seen().ticks += 1;
    (StatusCode::OK, Json(Value::Null))
}

async fn submit(
    State(server): State<FakeServer>,
    Json(call): Json<RawCanisterCall>,
) -> Json<Value> {
    let mut seen = server.seen();
    let id = RawMessageId {
        effective_principal: RawEffectivePrincipal::None,
        message_id: vec![u8::try_from(seen.pending.len()).expect("few messages")],
    };
    seen.methods.push(call.method.clone());
    let submitted = seen.ticks;
    seen.pending.push((call, submitted));
    Json(json!({"Ok": id}))
}

/// Executes rounds until the message has its response, at most 100. As on PocketIC's server, the request fails after
/// these rounds, also if the last one brought the response. Messages that are not measured need no rounds. One of them asks
/// for no calls, to find the type of numbers.
async fn await_answer(
    State(server): State<FakeServer>,
    Json(id): Json<RawMessageId>,
) -> (StatusCode, Json<Value>) {
    let failed = |reason| (StatusCode::BAD_REQUEST, Json(json!({ "message": reason })));
    let mut seen = server.seen();
    let (call, submitted) = seen.pending[usize::from(id.message_id[0])].clone();
    let asks_for_none =
        NumberType::ALL.iter().any(|numbers| numbers.encode(0).expect("encodes") == call.payload);
    let is_measured =
        matches!(&*call.method, "sequential_calls" | "parallel_calls") && !asks_for_none;
    seen.awaits += u64::from(is_measured);
    for _ in 0..100 {
        let executed = seen.ticks - submitted;
        if is_measured && Some(executed) == server.behaviour.breaks_in_round {
            return failed("out of order");
        }
        if !is_measured || executed >= server.behaviour.rounds {
            return (StatusCode::OK, Json(json!(server.answer(&call))));
        }
        seen.ticks += 1;
    }
    failed("no response after 100 rounds")
}

fn reject(reject_code: RejectCode, error_code: ErrorCode, message: &str) -> RawCanisterResult {
    RawCanisterResult::Err(RejectResponse {
        reject_code,
        reject_message: message.into(),
        error_code,
        certified: true,
    })
}

fn candid_record_of_a_canister() -> Vec<u8> {
    #[derive(candid::CandidType)]
    struct Created {
        canister_id: candid::Principal,
    }
    candid::encode_one(Created { canister_id: candid::Principal::from_slice(&[0, 1, 1]) })
        .expect("encodes")
}

/// Two application subnets.
fn topology() -> Value {
    let subnets: BTreeMap<_, _> = [1u8, 2]
        .map(|number| {
            let id = candid::Principal::from_slice(&[number]).to_text();
            let config = json!({
                "subnet_kind": "Application", "subnet_admins": null, "cost_schedule": "Normal",
                "subnet_seed": vec![number; 32], "instruction_config": "Production", "canister_ranges": [],
            });
            (id, config)
        })
        .into();
    json!({"subnet_configs": subnets, "default_effective_canister_id": {"canister_id": "AAEB"}})
}
