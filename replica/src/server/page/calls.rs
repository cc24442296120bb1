//! Calls that are made from the page: arguments and replies as Candid text.

use super::candid_text::*;
use super::interface::{Interface, candid_of, canister_id};
use super::types_size::TypesSize;
use crate::canister::Failure;
use crate::error::{UserError, reject_code};
use crate::instance::{CanisterCall, EffectivePrincipal, Instance};
use crate::server::agents::Hosted;
use crate::server::api::{ApiError, ApiResult, JsonBody};
use crate::server::hosted::HostedInstance;
use crate::server::threads::run_long;
use crate::types::Payload;
use axum::Json;
use axum::extract::Extension;
use candid::types::value::{IDLArgs, IDLField, IDLValue, VariantValue};
use candid::types::{Type, TypeEnv};
use candid::{DecoderConfig, Principal};
use candid_parser::token::{Token, Tokenizer};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// Most work to decode a reply: a unit for each byte of texts and numbers, and a few units for each value, as in
/// [`DecoderConfig::set_decoding_quota`]. A decoded value needs about 15 bytes of memory per unit, so this bounds the
/// memory, too. Replies have at most 2 MB.
const DECODING_UNITS_MAX: usize = 4 << 20;
/// The library counts each unit so often if it decodes values whose types are not known at compile time.
const UNTYPED_FACTOR: usize = 50;
/// Most types in the header of a reply. Types of the header are compared with those of the interface.
const REPLY_TYPES_MAX: usize = 2_000;
/// Most work to compare the types of a reply with those of the interface. Each type may be compared with each other
/// type, field by field.
const COMPARISONS_MAX: usize = 1_000_000;
/// Deepest nesting of a reply that is shown.
const REPLY_LEVELS_MAX: usize = 200;
/// Most bytes of a reply as text.
const REPLY_TEXT_BYTES_MAX: usize = 200_000;

/// The body of `POST /page/calls`.
#[derive(Debug, Deserialize)]
pub(super) struct CallRequest {
    canister: String,
    method: String,
    /// The arguments as Candid text, such as `(2000 : nat64)`.
    arguments: String,
    /// The principal that makes the call. Nothing is signed.
    sender: String,
    /// Whether the call is a query, which no block contains.
    query: bool,
}

/// The response to a call.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum CallResponse {
    /// The canister replied.
    Replied {
        /// The reply as Candid text. `None` if it cannot be shown.
        reply: Option<String>,
        /// What the reader must know about the text: that it is not complete, or why there is none.
        note: Option<String>,
        /// The bytes of the reply as hexadecimal digits.
        raw: String,
    },
    /// The call was rejected.
    Rejected {
        /// Why.
        reject: RejectJson,
    },
}

/// Why a call was rejected.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RejectJson {
    /// The reject code.
    code: u64,
    /// The error code, such as `IC0503`.
    error_code: String,
    message: String,
}

/// `POST /page/calls`: makes a call and waits for its response.
pub(super) async fn make(
    Extension(hosted): Hosted,
    JsonBody(request): JsonBody<CallRequest>,
) -> ApiResult<CallResponse> {
    let canister = canister_id(&request.canister)?;
    let sender = Principal::from_text(&request.sender).map_err(|error| {
        ApiError::bad_request(format!("the sender '{}' is no principal: {error}", request.sender))
    })?;
    // A canister without an interface can be called, too: with arguments of the types that their text has.
    let candid = hosted.execute(|instance| candid_of(instance, canister)).await?.ok();
    let CallRequest { method, arguments, .. } = request;
    let encoded = run_long(|| encode(candid.as_deref(), &method, &arguments));
    let argument = encoded.map_err(|error| ApiError::bad_request(error.to_string()))?;
    let call = CanisterCall {
        sender,
        caller_info: None,
        canister,
        effective_principal: EffectivePrincipal::None,
        method: method.clone(),
        argument,
    };
    let result = match request.query {
        true => hosted.execute(|instance| instance.query(call)).await??,
        false => update(&hosted, call).await?,
    };
    Ok(Json(match result {
        Ok(reply) => run_long(|| replied(candid.as_deref(), &method, &reply)),
        Err(failure) => rejected(failure.into()),
    }))
}

/// Makes an update call, and waits for its response. If the page goes, the server stops waiting.
async fn update(
    hosted: &HostedInstance,
    call: CanisterCall,
) -> Result<Result<Payload, Failure>, ApiError> {
    let message = match hosted.execute(|instance| instance.submit(call)).await?? {
        Ok(message) => message,
        Err(error) => return Ok(Err(Failure::Error(error))),
    };
    let status = |instance: &mut Instance| {
        instance.check_submitted(message)?;
        instance.ingress_status(message, None)
    };
    loop {
        let round = hosted.next_round();
        if let Some(result) = hosted.execute(status).await?? {
            return Ok(result);
        }
        round.await;
    }
}

/// Encodes arguments: with the types of the method, or, if the canister has no interface that can be read, with the
/// types that their text has.
///
/// # Errors
///
/// If the text is no list of values, if the values do not have the types of the method, or if there is no such method.
pub(super) fn encode(
    candid: Option<&str>,
    method: &str,
    arguments: &str,
) -> Result<Vec<u8>, TextError> {
    bounded(|| {
        let values = parse_values(arguments)?;
        // Where the interface cannot be read, the page says so.
        let Some(interface) = candid.map(Interface::parse).and_then(Result::ok) else {
            return values.to_bytes().map_err(|error| TextError::new(error.to_string()));
        };
        let function = interface.method(method).ok_or_else(|| {
            TextError::new(format!("the canister has no method '{method}' in its interface"))
        })?;
        encode_as(&interface.env, &function.args, arguments, values)
    })
}

/// Encodes values with these types.
fn encode_as(
    env: &TypeEnv,
    types: &[Type],
    text: &str,
    values: IDLArgs,
) -> Result<Vec<u8>, TextError> {
    let starts = starts(text);
    let start = |index: usize| starts.get(index).copied().unwrap_or(text.len());
    if values.args.len() > types.len() {
        let message = format!(
            "there are {} arguments, but the method takes {}",
            values.args.len(),
            types.len()
        );
        return Err(TextError::at(text, start(types.len()), message));
    }
    let mut typed = Vec::with_capacity(types.len());
    for (index, (value, ty)) in values.args.iter().zip(types).enumerate() {
        let value = value.annotate_type(true, env, ty).map_err(|error| {
            let number = index + 1;
            TextError::at(text, start(index), format!("argument {number} is no {ty}: {error}"))
        })?;
        typed.push(value);
    }
    let given = typed.len();
    // Arguments at the end can be left out if they are optional.
    let typed = IDLArgs { args: typed }.annotate_types(true, env, types).map_err(|_| {
        let (given, types) = (given, types.len());
        let message = format!("there are {given} arguments, but the method takes {types}");
        TextError::at(text, text.trim_end().len().saturating_sub(1), message)
    })?;
    let encoded = typed.to_bytes_with_types(env, types);
    encoded.map_err(|error| TextError::new(error.to_string()))
}

/// Where the arguments of a list begin: the first bytes of their texts.
fn starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let (mut depth, mut is_next) = (0_usize, false);
    for (start, token, _) in Tokenizer::new(text).map_while(Result::ok) {
        let closes = matches!(token, Token::RParen | Token::RBrace);
        if is_next && !closes {
            starts.push(start);
        }
        match token {
            Token::LParen | Token::LBrace => depth += 1,
            Token::RParen | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_next = depth == 1 && matches!(token, Token::Comma)
            || depth == 1 && starts.is_empty() && matches!(token, Token::LParen);
    }
    starts
}

/// A reply for the page: with the names of the interface if its types fit, else without.
fn replied(candid: Option<&str>, method: &str, reply: &[u8]) -> CallResponse {
    let decoded = bounded(|| {
        let interface = candid.map(Interface::parse).and_then(Result::ok);
        let types = interface.as_ref().and_then(|interface| {
            let types = &interface.method(method)?.rets;
            let comparisons = TypesSize::of_reply(reply)?
                .comparisons_with(TypesSize::of_interface(&interface.env, types));
            (comparisons <= COMPARISONS_MAX).then_some((&interface.env, types.as_slice()))
        });
        let typed = types.and_then(|(env, types)| {
            IDLArgs::from_bytes_with_types_with_config(reply, env, types, &config()).ok()
        });
        let values = match typed {
            Some(values) => values,
            None => IDLArgs::from_bytes_with_config(reply, &config()).map_err(not_shown)?,
        };
        check_shape(&values)?;
        let mut text = Limited::default();
        let is_complete = write!(text, "{values}").is_ok();
        Ok((text.0, is_complete))
    });
    let (reply_text, note) = match decoded {
        Ok((text, true)) => (Some(text), None),
        Ok((text, false)) => {
            let bytes = reply.len();
            (Some(text), Some(format!("this is only the beginning of the reply of {bytes} bytes")))
        }
        Err(error) => (None, Some(error.to_string())),
    };
    CallResponse::Replied { reply: reply_text, note, raw: hex::encode(reply) }
}

/// Why a reply is not shown.
fn not_shown(error: candid::Error) -> TextError {
    // With the causes of the error.
    let causes = format!("{error:#}");
    TextError::new(match causes.contains("cost exceeds the limit") {
        true => format!(
            "the reply has too many values to be shown as Candid: decoding takes more than {DECODING_UNITS_MAX} \
             units (one for each byte, and a few for each value)"
        ),
        false => format!("the reply is not shown as Candid: {causes}"),
    })
}

/// The limits for decoding a reply.
fn config() -> DecoderConfig {
    let mut config = DecoderConfig::new();
    config
        .set_decoding_quota(DECODING_UNITS_MAX * UNTYPED_FACTOR)
        .set_skipping_quota(DECODING_UNITS_MAX)
        .set_max_type_len(REPLY_TYPES_MAX)
        .set_full_error_message(false);
    config
}

/// Checks that values can be printed: that they are not nested too deeply, and that no number is too long.
fn check_shape(values: &IDLArgs) -> Result<(), TextError> {
    let mut waiting: Vec<(&IDLValue, usize)> = values.args.iter().map(|value| (value, 0)).collect();
    while let Some((value, level)) = waiting.pop() {
        // A digit has more than three bits.
        let bits_max = 3 * NUMBER_CHARS_MAX as u64;
        let is_long = match value {
            IDLValue::Nat(number) => number.0.bits() > bits_max,
            IDLValue::Int(number) => number.0.bits() > bits_max,
            _ => false,
        };
        if is_long || level > REPLY_LEVELS_MAX {
            let what =
                if is_long { "has a number that is too long" } else { "is nested too deeply" };
            return Err(TextError::new(format!("the reply {what} to be shown as Candid")));
        }
        let next = level + 1;
        match value {
            IDLValue::Opt(value) => waiting.push((value, next)),
            IDLValue::Vec(values) => waiting.extend(values.iter().map(|value| (value, next))),
            IDLValue::Record(fields) => {
                waiting.extend(fields.iter().map(|IDLField { val, .. }| (val, next)));
            }
            IDLValue::Variant(VariantValue(field, _)) => waiting.push((&field.val, next)),
            _ => {}
        }
    }
    Ok(())
}

/// Text up to a limit. What is beyond it is left out, and the writer stops.
#[derive(Default)]
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = REPLY_TEXT_BYTES_MAX - self.0.len();
        let end = text.floor_char_boundary(room);
        self.0.push_str(&text[..end]);
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// A reject for the page.
fn rejected(error: UserError) -> CallResponse {
    let code = reject_code(error.code) as u64;
    let reject = RejectJson { code, error_code: error.code_text(), message: error.description };
    CallResponse::Rejected { reject }
}

#[cfg(test)]
mod tests;
