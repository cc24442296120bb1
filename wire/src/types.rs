//! Candid types, as constants.

use crate::Typed;

/// A Candid type that is known when the program is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A primitive type or `principal`, by its opcode.
    Plain(i32),
    /// `opt`
    Opt(&'static Type),
    /// `vec`
    Vec(&'static Type),
    /// `record`, its fields in the order of their ids.
    Record(&'static [Field]),
    /// `variant`, its cases in the order of their ids.
    Variant(&'static [Field]),
}

/// A field of a record, a case of a variant, or an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The hash of its name, or its position.
    pub id: u32,
    /// What it holds.
    pub ty: &'static Type,
}

/// The numbers of the specification for types, section "Types" of the binary format.
pub mod opcode {
    pub const NULL: i32 = -1;
    pub const BOOL: i32 = -2;
    pub const NAT: i32 = -3;
    pub const INT: i32 = -4;
    pub const NAT8: i32 = -5;
    pub const NAT16: i32 = -6;
    pub const NAT32: i32 = -7;
    pub const NAT64: i32 = -8;
    pub const INT8: i32 = -9;
    pub const INT16: i32 = -10;
    pub const INT32: i32 = -11;
    pub const INT64: i32 = -12;
    pub const FLOAT32: i32 = -13;
    pub const FLOAT64: i32 = -14;
    pub const TEXT: i32 = -15;
    pub const RESERVED: i32 = -16;
    pub const EMPTY: i32 = -17;
    pub const OPT: i32 = -18;
    pub const VEC: i32 = -19;
    pub const RECORD: i32 = -20;
    pub const VARIANT: i32 = -21;
    pub const FUNC: i32 = -22;
    pub const SERVICE: i32 = -23;
    pub const PRINCIPAL: i32 = -24;
    /// Stands for any type that a later version of Candid may bring.
    pub const FUTURE: i32 = -25;

    /// How an opcode is written.
    pub const fn byte(opcode: i32) -> u8 {
        opcode as u8 & 0x7f
    }
}

impl Type {
    /// `null`
    pub const NULL: Self = Self::Plain(opcode::NULL);

    /// The fields of a record or the cases of a variant.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Record(fields) | Self::Variant(fields) => fields,
            _ => &[],
        }
    }

    /// Does a value of this type take at least one byte, whatever it is?
    pub(crate) const fn takes_bytes(&self) -> bool {
        let fields = match self {
            Self::Plain(kind) => return !matches!(*kind, opcode::NULL | opcode::RESERVED),
            Self::Opt(_) | Self::Vec(_) | Self::Variant(_) => return true,
            Self::Record(fields) => *fields,
        };
        let mut i = 0;
        while i < fields.len() {
            if fields[i].ty.takes_bytes() {
                return true;
            }
            i += 1;
        }
        false
    }

    /// The comparison `==`, for constants.
    pub(crate) const fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(one), Self::Plain(other)) => *one == *other,
            (Self::Opt(one), Self::Opt(other)) | (Self::Vec(one), Self::Vec(other)) => {
                one.same(other)
            }
            (Self::Record(one), Self::Record(other))
            | (Self::Variant(one), Self::Variant(other)) => same_fields(one, other),
            _ => false,
        }
    }
}

const fn same_fields(one: &[Field], other: &[Field]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut i = 0;
    while i < one.len() {
        if one[i].id != other[i].id || !one[i].ty.same(other[i].ty) {
            return false;
        }
        i += 1;
    }
    true
}

/// The id of the field or case with this name. A Rust name may be raw: `r#type` is `type`.
pub const fn hash(name: &str) -> u32 {
    let name = name.as_bytes();
    let (mut i, mut id) = (0, 0_u32);
    if name.len() > 2 && name[0] == b'r' && name[1] == b'#' {
        i = 2;
    }
    while i < name.len() {
        id = id.wrapping_mul(223).wrapping_add(name[i] as u32);
        i += 1;
    }
    id
}

/// Puts fields in the order of their ids, which is the order of their values in a message.
///
/// # Panics
///
/// When two have the same id; in a constant, that is an error of the compiler.
pub const fn sorted<const N: usize>(mut fields: [Field; N]) -> [Field; N] {
    let mut end = 1;
    while end < N {
        let mut i = end;
        while i > 0 && fields[i - 1].id >= fields[i].id {
            assert!(fields[i - 1].id != fields[i].id, "two fields have the same id");
            fields.swap(i - 1, i);
            i -= 1;
        }
        end += 1;
    }
    fields
}

/// The index of a variant's case in a message.
///
/// # Panics
///
/// When there is no such case; in a constant, that is an error of the compiler.
pub const fn case_index<V: Typed>(name: &str) -> u64 {
    let (cases, id) = (V::TYPE.fields(), hash(name));
    let mut i = 0;
    while cases[i].id != id {
        i += 1;
    }
    i as u64
}
