//! The types that a message says its values have.

use crate::WireError::{self, BadTypes};
use crate::reader::Reader;
use crate::types::opcode::{EMPTY, FUNC, FUTURE, OPT, PRINCIPAL, RECORD, SERVICE, VARIANT, VEC};

/// The definitions of a message, and the types of its arguments.
pub struct Table {
    definitions: Vec<Definition>,
    /// What the definitions consist of, and, in the end, the arguments.
    parts: Vec<Part>,
    arguments: usize,
}

/// What a type consists of: `parts[first..end]`.
struct Definition {
    kind: i32,
    first: usize,
    end: usize,
}

/// A field, a case, an argument, or what is in an option or a vector.
#[derive(Clone, Copy)]
pub struct Part {
    pub id: u32,
    /// An opcode or the index of a definition.
    pub ty: i32,
}

impl Table {
    /// Reads what is between the magic word and the values.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = reader.length()?;
        let mut table = Self { definitions: Vec::new(), parts: Vec::new(), arguments: 0 };
        for _ in 0..count {
            let first = table.parts.len();
            let kind = table.definition(count, reader)?;
            table.definitions.push(Definition { kind, first, end: table.parts.len() });
        }
        table.arguments = table.parts.len();
        for id in 0..reader.length()? {
            table.parts.push(Part { id: id as u32, ty: reference(count, reader)? });
        }
        Ok(table)
    }

    /// The types of the arguments.
    pub fn arguments(&self) -> &[Part] {
        &self.parts[self.arguments..]
    }

    /// The kind of a type, an opcode, and what it consists of.
    pub fn look_up(&self, ty: i32) -> (i32, &[Part]) {
        match usize::try_from(ty).ok().and_then(|index| self.definitions.get(index)) {
            Some(definition) => (definition.kind, &self.parts[definition.first..definition.end]),
            None => (ty, &[]),
        }
    }

    /// Reads one definition of a table with `count` of them.
    fn definition(&mut self, count: usize, reader: &mut Reader<'_>) -> Result<i32, WireError> {
        let before = *reader;
        // Opcodes up to here take one byte.
        let kind = i32::from(reader.byte()?) - 0x80;
        match kind {
            OPT | VEC => self.parts.push(Part { id: 0, ty: reference(count, reader)? }),
            RECORD | VARIANT => self.fields(count, reader)?,
            FUNC => {
                for _arguments_and_results in 0..2 {
                    for _ in 0..reader.length()? {
                        reference(count, reader)?;
                    }
                }
                match reader.bytes()? {
                    [] | [1..=3] => {}
                    _ => return Err(BadTypes),
                }
            }
            SERVICE => {
                for _ in 0..reader.length()? {
                    reader.bytes()?;
                    reference(count, reader)?;
                }
            }
            _ => {
                *reader = before;
                if reader.signed()? > FUTURE.into() {
                    return Err(BadTypes);
                }
                reader.bytes()?;
                return Ok(FUTURE);
            }
        }
        Ok(kind)
    }

    fn fields(&mut self, count: usize, reader: &mut Reader<'_>) -> Result<(), WireError> {
        let mut least = 0;
        for _ in 0..reader.length()? {
            let id = reader.number()?;
            if id < least {
                return Err(BadTypes);
            }
            least = id + 1;
            let id = u32::try_from(id).map_err(|_| BadTypes)?;
            self.parts.push(Part { id, ty: reference(count, reader)? });
        }
        Ok(())
    }
}

/// Reads an opcode or the index of one of `count` definitions.
fn reference(count: usize, reader: &mut Reader<'_>) -> Result<i32, WireError> {
    let ty = i32::try_from(reader.signed()?).map_err(|_| BadTypes)?;
    let known = match usize::try_from(ty) {
        Ok(index) => index < count,
        Err(_) => ty >= EMPTY || ty == PRINCIPAL,
    };
    if known { Ok(ty) } else { Err(BadTypes) }
}
