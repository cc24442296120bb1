//! The deprecated bitcoin methods of the management canister: their arguments. The system forwards calls
//! of these methods to the bitcoin canisters.
//!
//! Rules: interface specification, `bitcoin_get_balance` and the methods after it; `system_api/routing.rs`
//! (`route_bitcoin_message`) in the replica's repository.

use super::Method;
use super::arguments::decode;
use crate::error::UserError;
use candid::{CandidType, Deserialize};
use serde_bytes::ByteBuf;

/// A bitcoin network, as the argument of a call names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, CandidType, Deserialize)]
#[expect(non_camel_case_types, reason = "the specification writes the names in lower case")]
pub enum BitcoinNetwork {
    /// The main network.
    mainnet,
    /// The main network, with the name of earlier versions.
    Mainnet,
    /// The test network.
    testnet,
    /// The test network, with the name of earlier versions.
    Testnet,
    /// A network of one node, for tests.
    regtest,
    /// The same, with the name of earlier versions.
    Regtest,
}

impl BitcoinNetwork {
    /// Whether this is the main network.
    pub fn is_main(self) -> bool {
        matches!(self, Self::mainnet | Self::Mainnet)
    }
}

#[derive(CandidType, Deserialize)]
struct FeePercentiles {
    network: BitcoinNetwork,
}

#[derive(CandidType, Deserialize)]
struct Balance {
    address: String,
    network: BitcoinNetwork,
    min_confirmations: Option<u32>,
}

#[derive(CandidType, Deserialize)]
struct Utxos {
    address: String,
    network: BitcoinNetwork,
    filter: Option<UtxosFilter>,
}

#[derive(CandidType, Deserialize)]
#[expect(non_camel_case_types, reason = "the specification writes the names in lower case")]
enum UtxosFilter {
    min_confirmations(u32),
    MinConfirmations(u32),
    page(ByteBuf),
    Page(ByteBuf),
}

#[derive(CandidType, Deserialize)]
struct BlockHeaders {
    start_height: u32,
    end_height: Option<u32>,
    network: BitcoinNetwork,
}

#[derive(CandidType, Deserialize)]
struct Transaction {
    #[serde(with = "serde_bytes")]
    transaction: Vec<u8>,
    network: BitcoinNetwork,
}

/// The network that a call of a bitcoin method is about. `None` for all other methods.
///
/// # Errors
///
/// `InvalidManagementPayload`, if the argument cannot be decoded.
pub fn network(method: Method, argument: &[u8]) -> Result<Option<BitcoinNetwork>, UserError> {
    Ok(Some(match method {
        Method::BitcoinGetBalance => decode::<Balance>(argument)?.network,
        Method::BitcoinGetBlockHeaders => decode::<BlockHeaders>(argument)?.network,
        Method::BitcoinGetCurrentFeePercentiles => decode::<FeePercentiles>(argument)?.network,
        Method::BitcoinGetUtxos => decode::<Utxos>(argument)?.network,
        Method::BitcoinSendTransaction => decode::<Transaction>(argument)?.network,
        _ => return Ok(None),
    }))
}
