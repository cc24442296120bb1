//! How values of Rust's types are written and read.

use ic_principal::Principal;

use crate::types::opcode;
use crate::types::{Field, Type, hash, sorted};
use crate::{Arguments, Decode, Encode, Reader, Typed, WireError};

/// A value of the type `reserved`: something of whatever type, which nobody wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reserved;

/// Appends a number in LEB128.
pub fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

macro_rules! fixed_numbers {
    ($($number:ty: $opcode:ident),*) => { $(
        impl Typed for $number {
            const TYPE: Type = Type::Plain(opcode::$opcode);
        }

        impl Encode for $number {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }

        impl Decode for $number {
            fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self::from_le_bytes(reader.array()?))
            }
        }
    )* };
}

fixed_numbers!(u16: NAT16, u32: NAT32, u64: NAT64);

/// Bytes are the one number of which there may be many, so they are copied together.
impl Typed for u8 {
    const TYPE: Type = Type::Plain(opcode::NAT8);
}

impl Encode for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn write_each(values: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(values);
    }
}

impl Decode for u8 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.byte()
    }

    fn read_each(count: usize, reader: &mut Reader<'_>) -> Result<Vec<Self>, WireError> {
        Ok(reader.take(count)?.to_vec())
    }
}

/// `nat`
impl Typed for u128 {
    const TYPE: Type = Type::Plain(opcode::NAT);
}

impl Encode for u128 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut number = *self;
        // Seven bits of 128 are costly to split off.
        while let Err(_too_large) = u64::try_from(number) {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        write_number(number as u64, out);
    }
}

impl Decode for u128 {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.nat()
    }
}

impl Typed for bool {
    const TYPE: Type = Type::Plain(opcode::BOOL);
}

impl Encode for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Decode for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.flag()
    }
}

impl Typed for str {
    const TYPE: Type = Type::Plain(opcode::TEXT);
}

impl Encode for str {
    fn write(&self, out: &mut Vec<u8>) {
        write_bytes(self.as_bytes(), out);
    }
}

impl Typed for String {
    const TYPE: Type = str::TYPE;
}

impl Encode for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl Decode for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        reader.text().map(Self::from)
    }
}

impl Typed for Principal {
    const TYPE: Type = Type::Plain(opcode::PRINCIPAL);
}

impl Encode for Principal {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(1);
        write_bytes(self.as_slice(), out);
    }
}

impl Decode for Principal {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        // The reader has checked that it is no longer than this accepts.
        reader.principal().map(Self::from_slice)
    }
}

impl Typed for Reserved {
    const TYPE: Type = Type::Plain(opcode::RESERVED);
}

impl Encode for Reserved {
    fn write(&self, _: &mut Vec<u8>) {}
}

impl Decode for Reserved {
    fn read(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }
}

impl<T: Typed + ?Sized> Typed for &T {
    const TYPE: Type = T::TYPE;
}

impl<T: Encode + ?Sized> Encode for &T {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = Type::Opt(&T::TYPE);
}

impl<T: Encode> Encode for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        if reader.flag()? { T::read(reader).map(Some) } else { Ok(None) }
    }
}

impl<T: Typed> Typed for [T] {
    const TYPE: Type = Type::Vec(&T::TYPE);
}

impl<T: Encode> Encode for [T] {
    fn write(&self, out: &mut Vec<u8>) {
        write_number(self.len() as u64, out);
        T::write_each(self, out);
    }
}

impl<T: Typed> Typed for Vec<T> {
    const TYPE: Type = <[T]>::TYPE;
}

impl<T: Encode> Encode for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_slice().write(out);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        // So the number of elements is bounded by the number of bytes.
        const { assert!(T::TYPE.takes_bytes(), "elements of a vector must take bytes") };
        let count = reader.length()?;
        T::read_each(count, reader)
    }
}

/// `variant { Ok; Err }`
impl<T: Typed, E: Typed> Typed for Result<T, E> {
    const TYPE: Type = Type::Variant(&sorted([
        Field { id: hash("Ok"), ty: &T::TYPE },
        Field { id: hash("Err"), ty: &E::TYPE },
    ]));
}

impl<T: Encode, E: Encode> Encode for Result<T, E> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_err().write(out);
        match self {
            Ok(value) => value.write(out),
            Err(error) => error.write(out),
        }
    }
}

impl<T: Decode, E: Decode> Decode for Result<T, E> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        // "Ok" has the smaller hash.
        Ok(if reader.flag()? { Err(E::read(reader)?) } else { Ok(T::read(reader)?) })
    }
}

/// `null`, and as a list of arguments the empty one.
impl Typed for () {
    const TYPE: Type = Type::NULL;
}

impl Encode for () {
    fn write(&self, _: &mut Vec<u8>) {}
}

impl Decode for () {
    fn read(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(())
    }
}

impl Arguments for () {
    const FIELDS: &'static [Field] = &[];
}

macro_rules! tuples {
    ($($($value:ident $position:tt)*;)*) => { $(
        impl<$($value: Typed),*> Typed for ($($value,)*) {
            const TYPE: Type = Type::Record(Self::FIELDS);
        }

        impl<$($value: Typed),*> Arguments for ($($value,)*) {
            const FIELDS: &'static [Field] = &[$(Field { id: $position, ty: &$value::TYPE }),*];
        }

        impl<$($value: Encode),*> Encode for ($($value,)*) {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$position.write(out);)*
            }
        }

        impl<$($value: Decode),*> Decode for ($($value,)*) {
            fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(($($value::read(reader)?,)*))
            }
        }
    )* };
}

tuples! {
    A 0;
    A 0 B 1;
    A 0 B 1 C 2;
    A 0 B 1 C 2 D 3;
    A 0 B 1 C 2 D 3 E 4;
    A 0 B 1 C 2 D 3 E 4 F 5;
}
