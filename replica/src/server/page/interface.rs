//! The Candid interface of a canister: its methods with their types, and a template of arguments for each.

use super::candid_text::{TextError, bounded, parse_interface};
use super::template::Templates;
use crate::error::UserError;
use crate::instance::{CanisterCall, EffectivePrincipal, Instance};
use crate::server::agents::Hosted;
use crate::server::api::{ApiError, ApiResult};
use crate::server::threads::run_long;
use crate::types::CanisterId;
use crate::wasm::Visibility;
use axum::Json;
use axum::extract::{Extension, Path};
use candid::Principal;
use candid::types::{FuncMode, Function, Type, TypeEnv};
use candid_parser::check_prog;
use candid_parser::syntax::{Binding, Dec, IDLProg, IDLType};
use serde::Serialize;
use std::collections::BTreeMap;

/// The metadata section with the interface of a canister.
const SECTION: &str = "candid:service";
/// The query method that returns the interface of a Motoko canister without metadata.
const QUERY: &str = "__get_candid_interface_tmp_hack";
/// Most named types of an interface. The largest interfaces of the mainnet have a few hundred.
const TYPES_MAX: usize = 5_000;
/// Most types that are only another name of a named type. The work to check them grows with the square of their number.
const ALIASES_MAX: usize = 500;
/// Most methods of an interface: as many as a module can export.
const METHODS_MAX: usize = crate::limits::EXPORTED_METHODS_MAX;
/// Most arguments and results of a method.
const ARGUMENTS_MAX: usize = 100;
/// Most bytes of the types of all methods as text.
const PRINTED_BYTES_MAX: usize = 2 << 20;

/// The checked interface of a canister.
pub(super) struct Interface {
    /// The named types.
    pub env: TypeEnv,
    /// The methods in alphabetical order, each with the comment above it.
    pub methods: Vec<(String, Function, String)>,
}

impl Interface {
    /// Reads an interface. Call it within [`bounded`].
    ///
    /// # Errors
    ///
    /// If the text is no interface, or beyond the limits.
    pub(super) fn parse(text: &str) -> Result<Self, TextError> {
        let program = parse_interface(text)?;
        check_size(&program)?;
        let mut env = TypeEnv::new();
        let checked = check_prog(&mut env, &program);
        let service = checked.map_err(|error| TextError::new(error.to_string()))?;
        let service = service.ok_or_else(|| TextError::new("the interface has no service"))?;
        let comments = comments(&program);
        let unusable = |error: candid::Error| TextError::new(error.to_string());
        let methods = env.as_service(&service).map_err(unusable)?;
        if methods.len() > METHODS_MAX {
            return Err(TextError::new(format!(
                "the interface has {} methods; the limit is {METHODS_MAX}",
                methods.len()
            )));
        }
        let method = |(name, ty): &(String, Type)| {
            let function = env.as_func(ty).map_err(unusable)?.clone();
            if function.args.len().max(function.rets.len()) > ARGUMENTS_MAX {
                let message =
                    format!("the method {name} has more than {ARGUMENTS_MAX} arguments or results");
                return Err(TextError::new(message));
            }
            let comment = comments.get(name.as_str()).cloned().unwrap_or_default();
            Ok((name.clone(), function, comment))
        };
        let methods = methods.iter().map(method).collect::<Result<Vec<_>, TextError>>()?;
        Ok(Self { env, methods })
    }

    /// The method with this name.
    pub(super) fn method(&self, name: &str) -> Option<&Function> {
        self.methods.iter().find(|(known, ..)| known == name).map(|(_, function, _)| function)
    }
}

/// Checks the number of types of an interface.
fn check_size(program: &IDLProg) -> Result<(), TextError> {
    let types = || program.decs.iter().filter(|dec| matches!(dec, Dec::TypD(_)));
    let is_alias = |dec: &&Dec| matches!(dec, Dec::TypD(Binding { typ: IDLType::VarT(_), .. }));
    let (types, aliases) = (types().count(), types().filter(is_alias).count());
    if types > TYPES_MAX || aliases > ALIASES_MAX {
        return Err(TextError::new(format!(
            "the interface has {types} types, and {aliases} of them are only other names of a type; the limits \
             are {TYPES_MAX} and {ALIASES_MAX}"
        )));
    }
    Ok(())
}

/// The comments above methods.
fn comments(program: &IDLProg) -> BTreeMap<&str, String> {
    let service = program.actor.as_ref().map(|actor| match &actor.typ {
        IDLType::ClassT(_, service) => service.as_ref(),
        service => service,
    });
    let Some(IDLType::ServT(methods)) = service else { return BTreeMap::new() };
    methods.iter().map(|method| (method.id.as_str(), method.docs.join("\n"))).collect()
}

/// An interface, for the page.
#[derive(Debug, Serialize)]
pub(super) struct InterfaceJson {
    candid: String,
    methods: Vec<MethodJson>,
}

/// A method, for the page.
#[derive(Debug, Serialize)]
pub(super) struct MethodJson {
    name: String,
    mode: &'static str,
    /// The comment above the method.
    description: String,
    arguments: Vec<String>,
    results: Vec<String>,
    /// Arguments to begin with. `None` if there are none, or only ones that are too large.
    template: Option<String>,
}

/// The interface in this text, for the page.
///
/// # Errors
///
/// If the text is no interface, or beyond the limits.
pub(super) fn described(candid: String) -> Result<InterfaceJson, TextError> {
    let methods = bounded(|| {
        let interface = Interface::parse(&candid)?;
        let mut left = PRINTED_BYTES_MAX;
        let mut printed = |types: &[Type]| {
            let text = |ty: &Type| {
                let text = ty.to_string();
                left = left.checked_sub(text.len()).ok_or_else(|| {
                    TextError::new("the types of the methods are too long to be shown")
                })?;
                Ok(text)
            };
            types.iter().map(text).collect::<Result<Vec<_>, TextError>>()
        };
        let mut templates = Templates::new(&interface.env);
        let describe = |(name, function, comment): &(String, Function, String)| {
            Ok(MethodJson {
                name: name.clone(),
                mode: mode(function),
                description: comment.clone(),
                arguments: printed(&function.args)?,
                results: printed(&function.rets)?,
                template: templates.template(&function.args),
            })
        };
        interface.methods.iter().map(describe).collect::<Result<Vec<_>, TextError>>()
    })?;
    Ok(InterfaceJson { candid, methods })
}

/// How a method is called.
fn mode(function: &Function) -> &'static str {
    match function.modes.first() {
        None => "update",
        Some(FuncMode::Query) => "query",
        Some(FuncMode::CompositeQuery) => "composite_query",
        Some(FuncMode::Oneway) => "oneway",
    }
}

/// The interface of a canister as Candid text.
///
/// # Errors
///
/// Why the canister has none that everybody may read.
pub(super) fn candid_of(instance: &mut Instance, id: CanisterId) -> Result<String, ApiError> {
    let none = |why: &str| ApiError::not_found(format!("the canister {id} {why}"));
    let canister = instance.canister(id).ok_or_else(|| none("does not exist"))?;
    let module = canister.module().ok_or_else(|| none("has no code, so it has no methods"))?;
    let bytes = match module.metadata.get(SECTION) {
        Some(section) if section.visibility == Visibility::Public => section.content.clone(),
        Some(_) => {
            return Err(none(
                "shows its interface to its controllers only: make the metadata candid:service public",
            ));
        }
        None if module.methods.contains_key(QUERY) => {
            let argument = candid::encode_args(()).expect("no arguments can be encoded");
            let call = CanisterCall {
                sender: Principal::anonymous(),
                caller_info: None,
                canister: id,
                effective_principal: EffectivePrincipal::None,
                method: QUERY.into(),
                argument,
            };
            let reply = instance.query(call)?.map_err(|failure| {
                none(&format!("does not tell its interface: {}", UserError::from(failure)))
            })?;
            let (text,) = candid::decode_args::<(String,)>(&reply)
                .map_err(|_| none("does not tell its interface as text"))?;
            text.into_bytes()
        }
        None => return Err(none("has no interface: its module has no metadata candid:service")),
    };
    String::from_utf8(bytes).map_err(|_| none("has an interface that is no text"))
}

/// `GET /page/canisters/ID/interface`: the methods of a canister.
pub(super) async fn read(
    Extension(hosted): Hosted,
    Path(id): Path<String>,
) -> ApiResult<InterfaceJson> {
    let id = canister_id(&id)?;
    let candid = hosted.execute(|instance| candid_of(instance, id)).await??;
    let described = run_long(|| described(candid));
    described.map(Json).map_err(|error| {
        ApiError::not_found(format!("the interface of the canister {id} cannot be read: {error}"))
    })
}

/// The canister id in this text.
pub(super) fn canister_id(text: &str) -> Result<CanisterId, ApiError> {
    let id = Principal::from_text(text).map_err(|error| {
        ApiError::bad_request(format!("'{text}' is not the id of a canister: {error}"))
    })?;
    Ok(id.into())
}

#[cfg(test)]
mod tests;
