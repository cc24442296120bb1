//! What stands before the values of a message: the magic word, the table of types, the types of the arguments.
//! It is computed by the compiler.

use std::marker::PhantomData;

use crate::Arguments;
use crate::types::{Field, Type, opcode};

/// How every message begins.
pub const MAGIC: &[u8] = b"DIDL";

/// The most types in one table of ours: an index up to here takes one byte.
const TYPES_MAX: usize = 64;

/// The head of messages with these arguments.
pub struct Head<A>(PhantomData<A>);

/// The same, in an array that may be too short or too long.
struct InArray<A, const N: usize>(PhantomData<A>);

impl<A: Arguments, const N: usize> InArray<A, N> {
    const BYTES: [u8; N] = write::<N>(A::FIELDS).bytes;
}

impl<A: Arguments> Head<A> {
    /// Its bytes.
    pub const BYTES: &'static [u8] = {
        let length = write::<0>(A::FIELDS).length;
        // The whole array becomes part of the module, so it should fit.
        let array: &'static [u8] = match length {
            0..=8 => &InArray::<A, 8>::BYTES,
            9..=16 => &InArray::<A, 16>::BYTES,
            17..=32 => &InArray::<A, 32>::BYTES,
            33..=48 => &InArray::<A, 48>::BYTES,
            49..=64 => &InArray::<A, 64>::BYTES,
            65..=96 => &InArray::<A, 96>::BYTES,
            97..=128 => &InArray::<A, 128>::BYTES,
            129..=256 => &InArray::<A, 256>::BYTES,
            257..=512 => &InArray::<A, 512>::BYTES,
            513..=1024 => &InArray::<A, 1024>::BYTES,
            _ => panic!("the table of types is too large"),
        };
        array.split_at(length).0
    };
}

const fn write<const N: usize>(arguments: &'static [Field]) -> Output<N> {
    let mut table = Table { types: [&Type::NULL; TYPES_MAX], length: 0 };
    let mut i = 0;
    while i < arguments.len() {
        table.add(arguments[i].ty);
        i += 1;
    }
    let mut out = Output { bytes: [0; N], length: 0 };
    let mut i = 0;
    while i < MAGIC.len() {
        out.byte(MAGIC[i]);
        i += 1;
    }
    out.number(table.length);
    let mut i = 0;
    while i < table.length {
        out.definition(table.types[i], &table);
        i += 1;
    }
    out.number(arguments.len());
    let mut i = 0;
    while i < arguments.len() {
        out.reference(arguments[i].ty, &table);
        i += 1;
    }
    out
}

/// The types that need a definition, each once, before those it consists of.
struct Table {
    types: [&'static Type; TYPES_MAX],
    length: usize,
}

impl Table {
    const fn add(&mut self, ty: &'static Type) {
        if matches!(ty, Type::Plain(_)) || self.index(ty) < self.length {
            return;
        }
        assert!(self.length < TYPES_MAX, "too many types in one message");
        self.types[self.length] = ty;
        self.length += 1;
        match ty {
            Type::Opt(inner) | Type::Vec(inner) => self.add(inner),
            _ => {
                let fields = ty.fields();
                let mut i = 0;
                while i < fields.len() {
                    self.add(fields[i].ty);
                    i += 1;
                }
            }
        }
    }

    /// Where a type is; if it is nowhere, the length.
    const fn index(&self, ty: &Type) -> usize {
        let mut i = 0;
        while i < self.length && !self.types[i].same(ty) {
            i += 1;
        }
        i
    }
}

/// What is written. It goes on counting when the array is full, so that an empty one tells the length.
struct Output<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Output<N> {
    const fn byte(&mut self, byte: u8) {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    const fn number(&mut self, mut number: usize) {
        while number > 0x7f {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    const fn reference(&mut self, ty: &Type, table: &Table) {
        match ty {
            Type::Plain(kind) => self.byte(opcode::byte(*kind)),
            _ => self.byte(table.index(ty) as u8),
        }
    }

    const fn definition(&mut self, ty: &Type, table: &Table) {
        match ty {
            Type::Plain(_) => {}
            Type::Opt(inner) => {
                self.byte(opcode::byte(opcode::OPT));
                self.reference(inner, table);
            }
            Type::Vec(inner) => {
                self.byte(opcode::byte(opcode::VEC));
                self.reference(inner, table);
            }
            Type::Record(fields) => self.fields(opcode::RECORD, fields, table),
            Type::Variant(cases) => self.fields(opcode::VARIANT, cases, table),
        }
    }

    const fn fields(&mut self, kind: i32, fields: &[Field], table: &Table) {
        self.byte(opcode::byte(kind));
        self.number(fields.len());
        let mut i = 0;
        while i < fields.len() {
            self.number(fields[i].id as usize);
            self.reference(fields[i].ty, table);
            i += 1;
        }
    }
}
