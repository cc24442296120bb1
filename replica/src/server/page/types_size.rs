//! How many types replies and interfaces have: known before the types are compared, which takes time for each pair.

use candid::types::{Type, TypeEnv, TypeInner};

/// How large a set of types is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TypesSize {
    /// The types that are made of other types.
    composed: usize,
    /// The parts of these types: fields, arguments, results, methods and elements.
    parts: usize,
}

impl TypesSize {
    /// The types in the header of a Candid message. `None` if there is no such header.
    ///
    /// The format is in the Candid specification, "Binary format".
    pub(super) fn of_reply(message: &[u8]) -> Option<Self> {
        let mut header = Header(message.strip_prefix(b"DIDL")?);
        let composed = header.count()?;
        let mut parts = 0;
        for _ in 0..composed {
            parts += header.parts()?;
        }
        Some(Self { composed, parts })
    }

    /// The named types of an interface, and the types of a result.
    pub(super) fn of_interface(env: &TypeEnv, results: &[Type]) -> Self {
        let mut size = Self::default();
        let mut waiting: Vec<&Type> = env.0.values().chain(results).collect();
        while let Some(ty) = waiting.pop() {
            let before = waiting.len();
            match ty.as_ref() {
                TypeInner::Opt(inner) | TypeInner::Vec(inner) => waiting.push(inner),
                TypeInner::Record(fields) | TypeInner::Variant(fields) => {
                    waiting.extend(fields.iter().map(|field| &field.ty));
                }
                TypeInner::Func(function) => {
                    waiting.extend(function.args.iter().chain(&function.rets));
                }
                TypeInner::Service(methods) => waiting.extend(methods.iter().map(|(_, ty)| ty)),
                _ => continue,
            }
            size.composed += 1;
            size.parts += waiting.len() - before;
        }
        size
    }

    /// Most comparisons of parts if each type is compared with each type of the other set.
    pub(super) fn comparisons_with(self, other: Self) -> usize {
        let [one, two] = [(self, other), (other, self)]
            .map(|(one, other)| one.composed.saturating_mul(other.parts));
        one.saturating_add(two)
    }
}

/// The rest of a header.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// Reads a count (LEB128).
    fn count(&mut self) -> Option<usize> {
        let mut count = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            count |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(count);
            }
        }
        None
    }

    /// Skips a number.
    fn number(&mut self) -> Option<()> {
        while self.byte()? >= 0x80 {}
        Some(())
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.0 = self.0.get(bytes..)?;
        Some(())
    }

    /// Reads a type, and returns the number of its parts.
    fn parts(&mut self) -> Option<usize> {
        match self.byte()? {
            // opt, vec
            0x6e | 0x6d => self.number().map(|()| 1),
            // record, variant
            0x6c | 0x6b => {
                let fields = self.count()?;
                for _ in 0..fields {
                    self.number()?;
                    self.number()?;
                }
                Some(fields)
            }
            // func: arguments, results, annotations
            0x6a => {
                let mut parts = 0;
                for _ in 0..2 {
                    let types = self.count()?;
                    for _ in 0..types {
                        self.number()?;
                    }
                    parts += types;
                }
                let annotations = self.count()?;
                self.skip(annotations)?;
                Some(parts)
            }
            // service
            0x69 => {
                let methods = self.count()?;
                for _ in 0..methods {
                    let name_bytes = self.count()?;
                    self.skip(name_bytes)?;
                    self.number()?;
                }
                Some(methods)
            }
            // Types of the future have their length in bytes. Candid libraries compare them with nothing.
            _ => {
                let bytes = self.count()?;
                self.skip(bytes)?;
                Some(0)
            }
        }
    }
}
