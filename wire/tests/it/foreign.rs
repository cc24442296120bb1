//! Messages of senders that know more, less or other types than the reader.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::Type;

use crate::agreement::EXPECTED;

/// Where decisions come from: random bytes, and zeros when they are used up.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn roll(&mut self, sides: u8) -> u8 {
        self.0.next().copied().unwrap_or_default() % sides
    }

    fn one_in(&mut self, sides: u8) -> bool {
        self.roll(sides) == sides - 1
    }
}

/// A type as a sender may have it.
#[derive(Clone, Debug)]
enum Sent {
    Plain(i8),
    Opt(Box<Sent>),
    Vec(Box<Sent>),
    Record(Vec<(u32, Sent)>),
    Variant(Vec<(u32, Sent)>),
    Func,
    Service,
    Future,
}

/// Numbers that begin names of fields here and there.
const IDS: [&str; 6] = ["a", "attempted", "accounts", "unit", "reason", "QueueFull"];

/// A type that is like the expected one, but not always the same.
fn similar(expected: &Type, dice: &mut Dice<'_>) -> Sent {
    if dice.one_in(12) {
        return any_type(3, dice);
    }
    if dice.one_in(12) {
        return Sent::Opt(Box::new(similar(expected, dice)));
    }
    match expected {
        Type::Plain(kind) => Sent::Plain(i8::try_from(*kind).expect("it is an opcode")),
        Type::Opt(inner) if dice.one_in(4) => similar(inner, dice),
        Type::Opt(inner) => Sent::Opt(Box::new(similar(inner, dice))),
        Type::Vec(inner) => Sent::Vec(Box::new(similar(inner, dice))),
        Type::Record(fields) => Sent::Record(similar_fields(fields, dice)),
        Type::Variant(cases) => Sent::Variant(similar_fields(cases, dice)),
    }
}

fn similar_fields(fields: &[wire::Field], dice: &mut Dice<'_>) -> Vec<(u32, Sent)> {
    let mut sent = Vec::new();
    for field in fields {
        if !dice.one_in(10) {
            sent.push((field.id, similar(field.ty, dice)));
        }
    }
    while dice.one_in(3) {
        let id = wire::hash(IDS[usize::from(dice.roll(6))]) ^ u32::from(dice.roll(2));
        sent.push((id, any_type(2, dice)));
    }
    in_order(sent)
}

fn in_order(mut fields: Vec<(u32, Sent)>) -> Vec<(u32, Sent)> {
    fields.sort_by_key(|(id, _)| *id);
    fields.dedup_by_key(|(id, _)| *id);
    fields
}

fn any_type(depth: u8, dice: &mut Dice<'_>) -> Sent {
    let inner = |dice: &mut Dice<'_>| Box::new(any_type(depth - 1, dice));
    match dice.roll(if depth == 0 { 4 } else { 8 }) {
        0..=2 => match -1 - dice.roll(18).cast_signed() {
            -18 => Sent::Plain(-24),
            plain => Sent::Plain(plain),
        },
        3 => [Sent::Func, Sent::Service, Sent::Future][usize::from(dice.roll(3))].clone(),
        4 => Sent::Opt(inner(dice)),
        5 => Sent::Vec(inner(dice)),
        choice => {
            let fields = (0..dice.roll(4))
                .map(|_| {
                    let id = wire::hash(IDS[usize::from(dice.roll(6))]);
                    (id, any_type(depth - 1, dice))
                })
                .collect();
            let fields = in_order(fields);
            if choice == 6 { Sent::Record(fields) } else { Sent::Variant(fields) }
        }
    }
}

/// The table of a message, with definitions after those they consist of, and often twice.
#[derive(Default)]
struct Table {
    count: u64,
    definitions: Vec<u8>,
}

impl Table {
    /// Adds what a type needs and returns how it is referred to.
    fn add(&mut self, ty: &Sent) -> Vec<u8> {
        let mut definition = Vec::new();
        match ty {
            Sent::Plain(kind) => return vec![kind.cast_unsigned() & 0x7f],
            Sent::Opt(inner) => {
                definition.push(0x6e);
                definition.extend(self.add(inner));
            }
            Sent::Vec(inner) => {
                definition.push(0x6d);
                definition.extend(self.add(inner));
            }
            Sent::Record(fields) => self.add_fields(0x6c, fields, &mut definition),
            Sent::Variant(cases) => self.add_fields(0x6b, cases, &mut definition),
            // (nat) -> (text) query
            Sent::Func => definition.extend([0x6a, 1, 0x7d, 1, 0x71, 1, 1]),
            Sent::Service => {
                let func = self.add(&Sent::Func);
                definition.extend([0x69, 1, 1, b'm']);
                definition.extend(func);
            }
            Sent::Future => definition.extend([0x67, 2, 7, 7]),
        }
        self.definitions.extend(definition);
        self.count += 1;
        // A signed number needs one bit more.
        let index = self.count - 1;
        if index < 64 { vec![index as u8] } else { vec![index as u8 | 0x80, (index >> 7) as u8] }
    }

    fn add_fields(&mut self, kind: u8, fields: &[(u32, Sent)], definition: &mut Vec<u8>) {
        definition.push(kind);
        wire::write_number(fields.len() as u64, definition);
        for (id, ty) in fields {
            wire::write_number((*id).into(), definition);
            definition.extend(self.add(ty));
        }
    }
}

fn write_value(ty: &Sent, dice: &mut Dice<'_>, out: &mut Vec<u8>) {
    match ty {
        Sent::Plain(kind) => write_plain(*kind, dice, out),
        Sent::Opt(inner) => {
            let present = dice.roll(2);
            out.push(present);
            if present == 1 {
                write_value(inner, dice, out);
            }
        }
        Sent::Vec(inner) => {
            let count = dice.roll(4);
            out.push(count);
            for _ in 0..count {
                write_value(inner, dice, out);
            }
        }
        Sent::Record(fields) => {
            for (_, ty) in fields {
                write_value(ty, dice, out);
            }
        }
        Sent::Variant(cases) if cases.is_empty() => {}
        Sent::Variant(cases) => {
            let index = dice.roll(cases.len() as u8);
            out.push(index);
            write_value(&cases[usize::from(index)].1, dice, out);
        }
        Sent::Func => {
            out.extend([1]);
            write_plain(-24, dice, out);
            write_plain(-15, dice, out);
        }
        Sent::Service => write_plain(-24, dice, out),
        Sent::Future => out.extend([3, 0, 9, 9, 9]),
    }
}

fn write_plain(kind: i8, dice: &mut Dice<'_>, out: &mut Vec<u8>) {
    let size = match kind {
        -2 => return out.push(dice.roll(2)),
        -3 | -4 => {
            // Sometimes longer than necessary, or more than 128 bits.
            while dice.one_in(3) {
                out.push(dice.roll(128) | 0x80);
            }
            return out.push(dice.roll(128));
        }
        -5 | -9 => 1,
        -6 | -10 => 2,
        -7 | -11 | -13 => 4,
        -8 | -12 | -14 => 8,
        -15 | -24 => {
            let text = &b"text \xc3\xa4"[..usize::from(dice.roll(8))];
            let text = if text.len() == 6 { b"umlaut" } else { text };
            if kind == -24 {
                out.push(1);
            }
            out.push(text.len() as u8);
            return out.extend(text);
        }
        _ => 0,
    };
    out.extend((0..size).map(|_| dice.roll(255)));
}

fn message(arguments: &[Sent], dice: &mut Dice<'_>) -> Vec<u8> {
    let mut table = Table::default();
    let references: Vec<_> = arguments.iter().map(|ty| table.add(ty)).collect();
    let mut out = b"DIDL".to_vec();
    wire::write_number(table.count, &mut out);
    out.extend(table.definitions);
    wire::write_number(arguments.len() as u64, &mut out);
    out.extend(references.concat());
    for ty in arguments {
        write_value(ty, dice, &mut out);
    }
    out
}

/// Changes a few bytes, cuts some off, or puts some in.
fn damage(message: &mut Vec<u8>, dice: &mut Dice<'_>) {
    for _ in 0..=dice.roll(2) {
        // Not in the magic word.
        let rest = message.len().saturating_sub(4);
        if rest == 0 {
            return;
        }
        let at = 4 + (usize::from(dice.roll(255)) << 8 | usize::from(dice.roll(255))) % rest;
        match dice.roll(10) {
            0 => message.truncate(at),
            1 => message.insert(at, dice.roll(255)),
            2 => _ = message.remove(at),
            _ => message[at] ^= 1 << dice.roll(8),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn messages_of_similar_types_are_read_as_by_candid(
        rolls in vec(any::<u8>(), 0..400), which in 0..EXPECTED.len(),
    ) {
        let mut dice = Dice(rolls.iter());
        let expected = &EXPECTED[which];
        let mut arguments = Vec::new();
        if !dice.one_in(20) {
            arguments.push(similar(&expected.ty, &mut dice));
        }
        while dice.one_in(5) {
            arguments.push(any_type(2, &mut dice));
        }
        (expected.assert_agreement)(&message(&arguments, &mut dice));
    }

    #[test]
    fn messages_of_any_type_are_read_as_by_candid(rolls in vec(any::<u8>(), 0..200)) {
        let mut dice = Dice(rolls.iter());
        let message = message(&[any_type(4, &mut dice)], &mut dice);
        for expected in EXPECTED {
            (expected.assert_agreement)(&message);
        }
    }

    #[test]
    fn damaged_messages_are_read_or_refused_as_by_candid(
        rolls in vec(any::<u8>(), 0..400), damages in vec(any::<u8>(), 8), which in 0..EXPECTED.len(),
    ) {
        let mut dice = Dice(rolls.iter());
        let expected = &EXPECTED[which];
        let mut message = message(&[similar(&expected.ty, &mut dice)], &mut dice);
        damage(&mut message, &mut Dice(damages.iter()));
        (expected.assert_agreement)(&message);
    }
}
