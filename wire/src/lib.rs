//! A small Candid codec for canisters.
//!
//! The general codec of the `candid` crate interprets types at run time, which alone makes a canister's module several
//! times as large as what it does. This one knows the expected types when it is compiled: it writes each message's head
//! as a constant, reads messages with the same head without a look at types, and has one interpreter for all others.
//!
//! ```
//! wire::record! {
//!     /// Who calls whom.
//!     #[derive(Debug, PartialEq)]
//!     pub struct Greeting {
//!         pub name: String,
//!         pub times: Option<u64>,
//!     }
//! }
//!
//! let greeting = Greeting { name: "Ada".into(), times: None };
//! let message = wire::encode(&(greeting,));
//! let (greeting,): (Greeting,) = wire::decode(&message)?;
//! assert_eq!(greeting.name, "Ada");
//! # Ok::<(), wire::WireError>(())
//! ```
//!
//! What any Candid encoder writes is read as the
//! [specification](https://github.com/dfinity/candid/blob/master/spec/Candid.md) says: fields and arguments that nobody
//! expects are skipped, optional ones that are missing or of another type are `None`. Messages may be hostile: the
//! work and the memory they can cause are a small multiple of their length.
//!
//! Deliberate limits: a `nat` is at most `u128::MAX`; types must not be recursive (they do not compile); elements of
//! a vector must take at least one byte (others do not compile); of function and service types in a message only the
//! outline is checked, since no value is read as one.

mod coerce;
mod error;
mod head;
mod interface;
mod macros;
mod reader;
mod table;
mod types;
mod values;

pub use error::WireError;
pub use reader::Reader;
pub use types::{Field, Type, case_index, hash, sorted};
pub use values::{Reserved, write_number};

use head::Head;

/// A Rust type with a Candid type.
pub trait Typed {
    /// The Candid type.
    const TYPE: Type;
}

/// A value that can be written.
pub trait Encode: Typed {
    /// Appends the value's bytes, without its type.
    fn write(&self, out: &mut Vec<u8>);

    /// Appends several values, as a vector's elements.
    fn write_each(values: &[Self], out: &mut Vec<u8>)
    where
        Self: Sized,
    {
        for value in values {
            value.write(out);
        }
    }
}

/// A value that can be read.
pub trait Decode: Typed + Sized {
    /// Reads a value that was written as exactly this type.
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Reads several values, a vector's elements.
    fn read_each(count: usize, reader: &mut Reader<'_>) -> Result<Vec<Self>, WireError> {
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Self::read(reader)?);
        }
        Ok(values)
    }
}

/// A list of arguments or results: a tuple.
pub trait Arguments: Typed {
    /// One field for each, numbered from 0: Candid treats such a list as a record.
    const FIELDS: &'static [Field];
}

/// The message `()`.
pub const NOTHING: &[u8] = Head::<()>::BYTES;

/// Writes a message, such as the reply of an endpoint: `encode(&(reply,))`.
pub fn encode<A: Arguments + Encode>(arguments: &A) -> Vec<u8> {
    let mut message = Vec::with_capacity(Head::<A>::BYTES.len() + 32);
    message.extend_from_slice(Head::<A>::BYTES);
    arguments.write(&mut message);
    message
}

/// Reads a message, such as the arguments of an endpoint: `let (number,): (u64,) = decode(message)?`.
///
/// # Errors
///
/// The message is malformed, or does not have the expected types.
pub fn decode<A: Arguments + Decode>(message: &[u8]) -> Result<A, WireError> {
    if let Some(values) = message.strip_prefix(Head::<A>::BYTES) {
        read_all(values)
    } else {
        read_all(&coerce::coerce(message, A::FIELDS)?)
    }
}

fn read_all<A: Decode>(values: &[u8]) -> Result<A, WireError> {
    let mut reader = Reader::new(values);
    let arguments = A::read(&mut reader)?;
    reader.finish()?;
    Ok(arguments)
}
