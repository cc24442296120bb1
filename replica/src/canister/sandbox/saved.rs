//! How code and memories are encoded in a saved state.

use super::code::Code;
use crate::pieces::bytes;
use crate::wasm::compile;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::sync::Arc;
use wasmtime::Val;

/// Encodes code as the bytes of its module.
pub(super) fn write_code<S: Serializer>(code: &Arc<Code>, to: S) -> Result<S::Ok, S::Error> {
    bytes::serialize(&code.module.bytes, to)
}

/// Decodes the bytes of a module, and compiles the module.
pub(super) fn read_code<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Code>, D::Error> {
    let code = compile(&bytes::deserialize(from)?).and_then(Code::link);
    code.map(Arc::new).map_err(|error| {
        <D::Error as de::Error>::custom(format!("a module cannot be installed: {error}"))
    })
}

/// A number in a global. Floating-point numbers are their bits.
#[derive(Serialize, Deserialize)]
enum Number {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
}

impl From<Number> for Val {
    fn from(number: Number) -> Self {
        match number {
            Number::I32(value) => Self::I32(value),
            Number::I64(value) => Self::I64(value),
            Number::F32(bits) => Self::F32(bits),
            Number::F64(bits) => Self::F64(bits),
            Number::V128(bits) => Self::V128(bits.into()),
        }
    }
}

fn numbers<E: ser::Error>(globals: &[Val]) -> Result<Vec<Number>, E> {
    let number = |value: &Val| {
        Ok(match value {
            Val::I32(value) => Number::I32(*value),
            Val::I64(value) => Number::I64(*value),
            Val::F32(bits) => Number::F32(*bits),
            Val::F64(bits) => Number::F64(*bits),
            Val::V128(value) => Number::V128(value.as_u128()),
            // Modules with such globals are refused.
            _ => return Err(E::custom("a global holds a reference")),
        })
    };
    globals.iter().map(number).collect()
}

fn values(numbers: Vec<Number>) -> Vec<Val> {
    numbers.into_iter().map(Val::from).collect()
}

/// Encodes the values of globals.
pub(super) fn write_globals<S: Serializer>(globals: &[Val], to: S) -> Result<S::Ok, S::Error> {
    numbers(globals)?.serialize(to)
}

/// Decodes the values of globals.
pub(super) fn read_globals<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Val>, D::Error> {
    Vec::deserialize(from).map(values)
}

/// Encodes the values of globals, if there are any yet.
pub(super) fn write_optional_globals<S: Serializer>(
    globals: &Option<Vec<Val>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    globals.as_deref().map(numbers).transpose()?.serialize(to)
}

/// Decodes the values of globals, if there are any yet.
pub(super) fn read_optional_globals<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<Val>>, D::Error> {
    Ok(Option::deserialize(from)?.map(values))
}
