//! Reading a message whose types are not literally the expected ones.
//!
//! The values are written anew as if the sender had used the expected types. This follows the specification's
//! section "Decoding", where `v :? t` says when and as what a value can be read.

use std::slice;

use crate::WireError::{self, BadValue, NotCandid, TooMuch, Truncated, WrongType};
use crate::head::MAGIC;
use crate::reader::Reader;
use crate::table::{Part, Table};
use crate::types::opcode::*;
use crate::types::{Field, Type};
use crate::values::write_number;

/// What a message of no length may cause, in values and in depth; one more for each byte.
const ALLOWANCE: usize = 64;

/// How many values may be skipped per value that is allowed. Skipping takes no memory, and records within records
/// take no bytes of their own.
const STEPS: usize = 16;

/// The values of a message, written as if it had exactly these arguments.
pub fn coerce(message: &[u8], arguments: &[Field]) -> Result<Vec<u8>, WireError> {
    let mut reader = Reader::new(message.strip_prefix(MAGIC).ok_or(NotCandid)?);
    let table = Table::read(&mut reader)?;
    let allowance = message.len() + ALLOWANCE;
    let out = Vec::with_capacity(message.len());
    let mut coercion =
        Coercion { table: &table, at: At { reader, steps: STEPS * allowance }, allowance, out };
    coercion.record(table.arguments(), arguments)?;
    coercion.at.reader.finish()?;
    Ok(coercion.out)
}

struct Coercion<'a> {
    table: &'a Table,
    at: At<'a>,
    /// How deeply values that are skipped may be nested.
    allowance: usize,
    out: Vec<u8>,
}

/// How far we are.
#[derive(Clone, Copy)]
struct At<'a> {
    reader: Reader<'a>,
    /// How many values may still be skipped.
    steps: usize,
}

/// The recursion follows the expected type, so it is only as deep as that.
impl<'a> Coercion<'a> {
    fn value(&mut self, ty: i32, expected: &Type) -> Result<(), WireError> {
        let (kind, parts) = self.table.look_up(ty);
        match (expected, kind, parts) {
            (Type::Opt(expected), ..) => self.option(ty, expected),
            (Type::Vec(expected), VEC, [element]) => self.vector(element.ty, expected),
            (Type::Record(fields), RECORD, _) => self.record(parts, fields),
            (Type::Variant(cases), VARIANT, _) => self.variant(parts, cases),
            (Type::Plain(RESERVED), ..) => self.skip(ty),
            (Type::Plain(PRINCIPAL), SERVICE, _) => self.copy(kind),
            (Type::Plain(expected), ..) if *expected == kind => self.copy(kind),
            _ => Err(WrongType),
        }
    }

    fn option(&mut self, ty: i32, expected: &Type) -> Result<(), WireError> {
        let ty = match self.table.look_up(ty) {
            (NULL | RESERVED, _) => None,
            (OPT, [inner]) => self.at.reader.flag()?.then_some(inner.ty),
            _ => Some(ty),
        };
        let Some(ty) = ty else {
            self.out.push(0);
            return Ok(());
        };
        let (at, length) = (self.at, self.out.len());
        self.out.push(1);
        match self.value(ty, expected) {
            Err(WrongType) => {
                self.at = at;
                self.skip(ty)?;
                self.out.truncate(length);
                self.out.push(0);
                Ok(())
            }
            result => result,
        }
    }

    fn vector(&mut self, ty: i32, expected: &Type) -> Result<(), WireError> {
        let count = self.at.reader.number()?;
        write_number(count, &mut self.out);
        if let (Some(size), true) = (size(ty), *expected == Type::Plain(ty)) {
            self.out.extend_from_slice(self.at.numbers(count, size)?);
            return Ok(());
        }
        for _ in 0..count {
            let before = self.at.reader.left();
            self.value(ty, expected)?;
            if self.at.reader.left() == before {
                // It came for free and takes memory.
                self.at.spend(STEPS)?;
            }
        }
        Ok(())
    }

    /// Also for arguments.
    fn record(&mut self, parts: &[Part], fields: &[Field]) -> Result<(), WireError> {
        let mut parts = parts.iter().peekable();
        for field in fields {
            while let Some(unknown) = parts.next_if(|part| part.id < field.id) {
                self.skip(unknown.ty)?;
            }
            let ty = parts.next_if(|part| part.id == field.id).map_or(NULL, |part| part.ty);
            self.value(ty, field.ty)?;
        }
        parts.try_for_each(|unknown| self.skip(unknown.ty))
    }

    fn variant(&mut self, parts: &[Part], cases: &[Field]) -> Result<(), WireError> {
        let part = self.at.case(parts)?;
        let index = cases.iter().position(|case| case.id == part.id).ok_or(WrongType)?;
        write_number(index as u64, &mut self.out);
        self.value(part.ty, cases[index].ty)
    }

    fn copy(&mut self, kind: i32) -> Result<(), WireError> {
        let before = self.at.reader;
        self.at.plain(kind)?;
        self.out.extend_from_slice(before.until(&self.at.reader));
        Ok(())
    }

    /// Passes over one value and checks it. What is nested waits in a list, since its depth is the sender's choice.
    fn skip(&mut self, mut ty: i32) -> Result<(), WireError> {
        let mut nested: Vec<Nested<'a>> = Vec::new();
        loop {
            self.at.spend(1)?;
            let (kind, parts) = self.table.look_up(ty);
            match (kind, parts) {
                (OPT, [inner]) => {
                    if self.at.reader.flag()? {
                        ty = inner.ty;
                        continue;
                    }
                }
                (VARIANT, _) => {
                    ty = self.at.case(parts)?.ty;
                    continue;
                }
                (RECORD, _) => nested.push(Nested::Fields(parts.iter())),
                (VEC, [element]) => {
                    let count = self.at.reader.number()?;
                    match size(element.ty) {
                        Some(size) => _ = self.at.numbers(count, size)?,
                        None => nested.push(Nested::Elements(element.ty, count)),
                    }
                }
                _ => self.at.plain(kind)?,
            }
            if nested.len() > self.allowance {
                return Err(TooMuch);
            }
            ty = loop {
                let Some(innermost) = nested.last_mut() else { return Ok(()) };
                match innermost.next() {
                    Some(ty) => break ty,
                    None => nested.pop(),
                };
            };
        }
    }
}

impl<'a> At<'a> {
    fn spend(&mut self, steps: usize) -> Result<(), WireError> {
        self.steps = self.steps.checked_sub(steps).ok_or(TooMuch)?;
        Ok(())
    }

    /// Which case of a variant follows.
    fn case(&mut self, cases: &[Part]) -> Result<Part, WireError> {
        let index = usize::try_from(self.reader.number()?).map_err(|_| BadValue)?;
        cases.get(index).copied().ok_or(BadValue)
    }

    /// So many numbers of the same size.
    fn numbers(&mut self, count: u64, size: usize) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(size));
        self.reader.take(length.ok_or(Truncated)?)
    }

    /// Passes over a value that contains no others.
    fn plain(&mut self, kind: i32) -> Result<(), WireError> {
        let reader = &mut self.reader;
        match kind {
            NULL | RESERVED => {}
            BOOL => _ = reader.flag()?,
            NAT | INT => while reader.byte()? > 0x7f {},
            TEXT => _ = reader.text()?,
            PRINCIPAL | SERVICE => _ = reader.principal()?,
            FUNC => {
                if !reader.flag()? {
                    return Err(BadValue);
                }
                reader.principal()?;
                reader.bytes()?;
            }
            FUTURE => {
                let length = reader.length()?;
                let _references = reader.number()?;
                reader.take(length)?;
            }
            _ => _ = reader.take(size(kind).ok_or(BadValue)?)?,
        }
        Ok(())
    }
}

/// The bytes of a number whose size is fixed and whose value may be anything.
fn size(kind: i32) -> Option<usize> {
    match kind {
        NAT8 | INT8 => Some(1),
        NAT16 | INT16 => Some(2),
        NAT32 | INT32 | FLOAT32 => Some(4),
        NAT64 | INT64 | FLOAT64 => Some(8),
        _ => None,
    }
}

/// What of a value is still to be skipped.
enum Nested<'a> {
    Fields(slice::Iter<'a, Part>),
    Elements(i32, u64),
}

impl Iterator for Nested<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        match self {
            Self::Fields(parts) => parts.next().map(|part| part.ty),
            Self::Elements(ty, left) => {
                *left = left.checked_sub(1)?;
                Some(*ty)
            }
        }
    }
}
