//! The bytes of a message, read from the front.

use crate::WireError::{self, BadValue, TooLarge, Trailing, Truncated};

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins to read.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Asserts that nothing is left.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(Trailing) }
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let (&byte, rest) = self.rest.split_first().ok_or(Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    /// The next so many bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next so many bytes, as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// What is before this reader and no longer before `later`.
    pub(crate) fn until(&self, later: &Self) -> &'a [u8] {
        &self.rest[..self.rest.len() - later.rest.len()]
    }

    /// `true` or `false`, also whether there is a value in an option.
    pub fn flag(&mut self) -> Result<bool, WireError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BadValue),
        }
    }

    /// A number in LEB128 that counts something: it has less than 64 bits.
    pub fn number(&mut self) -> Result<u64, WireError> {
        match self.groups()? {
            (number, false) => Ok(number),
            (_, true) => Err(TooLarge),
        }
    }

    /// How many there are of what takes at least one byte each.
    pub fn length(&mut self) -> Result<usize, WireError> {
        let length = self.number()?;
        if length > self.rest.len() as u64 {
            return Err(Truncated);
        }
        Ok(length as usize)
    }

    /// A `nat`.
    pub fn nat(&mut self) -> Result<u128, WireError> {
        let (number, more) = self.groups()?;
        let (mut number, mut more, mut shift) = (u128::from(number), more, 63);
        while more {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            // Zeros may follow forever; they mean nothing.
            if bits != 0 {
                if shift >= u128::BITS || bits << shift >> shift != bits {
                    return Err(TooLarge);
                }
                number |= bits << shift;
            }
            shift = shift.saturating_add(7);
            more = byte > 0x7f;
        }
        Ok(number)
    }

    /// The first nine groups of seven bits of a number, and whether there are more.
    fn groups(&mut self) -> Result<(u64, bool), WireError> {
        let mut number = 0;
        let mut shift = 0;
        let mut bytes = self.rest.iter();
        while let Some(&byte) = bytes.next() {
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte <= 0x7f || shift == 63 {
                self.rest = bytes.as_slice();
                return Ok((number, byte > 0x7f));
            }
        }
        Err(Truncated)
    }

    /// A number in signed LEB128 with less than 64 bits.
    pub(crate) fn signed(&mut self) -> Result<i64, WireError> {
        let before = *self;
        let number = self.number()? as i64;
        let bits = 7 * before.until(self).len();
        // The highest bit that was given is the sign.
        Ok(number << (64 - bits) >> (64 - bits))
    }

    /// Bytes that are preceded by their number.
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.length()?;
        self.take(length)
    }

    /// A `text`.
    pub fn text(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BadValue)
    }

    /// The bytes of a `principal`: at most 29 (IC interface specification, "Principals").
    pub fn principal(&mut self) -> Result<&'a [u8], WireError> {
        // 0 announces a reference to one, which no message contains.
        if !self.flag()? {
            return Err(BadValue);
        }
        let id = self.bytes()?;
        if id.len() > 29 { Err(BadValue) } else { Ok(id) }
    }
}
