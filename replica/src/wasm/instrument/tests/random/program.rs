//! Random programs: their text as Wasm modules, and a simple interpreter.

use crate::limits::OS_PAGE_BYTES;
use std::collections::BTreeSet;
use wasmtime::Trap;

/// Few addresses in a large heap, so that a page is hardly ever marked by chance.
pub const LOCALS: u32 = 3;
pub const HEAP_BYTES: usize = 40 * 65_536;

/// An expression with a number as its value.
#[derive(Clone, Debug)]
pub enum Number {
    Constant(u32),
    Local(u32),
    /// A local plus a constant. The sum wraps around, so the constant may be a negative number.
    Sum(u32, u32),
    Difference(u32, u32),
    Loaded(Box<Number>),
    Quotient(Box<Number>, Box<Number>),
}

/// A store instruction, and the number of bytes that it writes.
#[derive(Clone, Copy, Debug)]
pub struct Width(&'static str, usize);

pub const WIDTHS: [Width; 3] =
    [Width("i32.store8", 1), Width("i32.store16", 2), Width("i32.store", 4)];

#[derive(Clone, Debug)]
pub enum Step {
    Store(Width, u32, Number, Number),
    /// A store of 16 equal bytes.
    Wide(u32, Number, u8),
    Set(u32, Number),
    Fill(Number, u8, u16),
    Copy(Number, Number, u16),
    Init(Number, u16),
    If(bool, Vec<Step>, Vec<Step>),
    /// A block that a branch may leave early.
    Block(Vec<Step>, bool, Vec<Step>),
    /// A loop with this number of iterations.
    Loop(Vec<Step>, u32),
    /// A call of a function with its own locals.
    Call(Vec<Step>),
    Return,
}

/// Why an execution ends early.
pub enum End {
    Returned,
    Trapped(Trap),
}

/// Writes a program, and the functions that it calls, as Wasm text.
#[derive(Default)]
pub struct Text {
    pub functions: String,
    count: usize,
    loops: u32,
}

impl Text {
    fn number(&self, number: &Number) -> String {
        match number {
            Number::Constant(n) => format!("(i32.const {n})"),
            Number::Local(l) => format!("(local.get {l})"),
            Number::Sum(l, n) => format!("(i32.add (local.get {l}) (i32.const {n}))"),
            Number::Difference(l, n) => format!("(i32.sub (local.get {l}) (i32.const {n}))"),
            Number::Loaded(at) => format!("(i32.load8_u {})", self.number(at)),
            Number::Quotient(a, b) => format!("(i32.div_u {} {})", self.number(a), self.number(b)),
        }
    }

    pub fn steps(&mut self, steps: &[Step]) -> String {
        steps.iter().map(|step| self.step(step)).collect()
    }

    fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Store(Width(name, _), offset, at, value) => {
                format!("({name} offset={offset} {} {})", self.number(at), self.number(value))
            }
            Step::Wide(offset, at, byte) => format!(
                "(v128.store offset={offset} {} (i8x16.splat (i32.const {byte})))",
                self.number(at)
            ),
            Step::Set(local, value) => format!("(local.set {local} {})", self.number(value)),
            Step::Fill(at, byte, size) => {
                format!("(memory.fill {} (i32.const {byte}) (i32.const {size}))", self.number(at))
            }
            Step::Copy(to, from, size) => {
                let (to, from) = (self.number(to), self.number(from));
                format!("(memory.copy {to} {from} (i32.const {size}))")
            }
            Step::Init(at, size) => {
                format!("(memory.init 0 {} (i32.const 0) (i32.const {size}))", self.number(at))
            }
            Step::If(condition, then, other) => {
                let condition = u8::from(*condition);
                let (then, other) = (self.steps(then), self.steps(other));
                format!("(if (i32.const {condition}) (then {then}) (else {other}))")
            }
            Step::Block(before, leave, after) => {
                let leave = u8::from(*leave);
                let (before, after) = (self.steps(before), self.steps(after));
                format!("(block {before} (br_if 0 (i32.const {leave})) {after})")
            }
            Step::Loop(steps, times) => {
                // Each loop has its own local for its counter.
                let local = LOCALS + self.loops;
                self.loops += 1;
                format!(
                    "(local.set {local} (i32.const {times})) (loop {} (br_if 0
                       (local.tee {local} (i32.sub (local.get {local}) (i32.const 1)))))",
                    self.steps(steps)
                )
            }
            Step::Call(steps) => {
                let steps = self.steps(steps);
                self.count += 1;
                self.functions += &format!("(func $f{} {} {steps})\n", self.count, locals());
                format!("(call $f{})", self.count)
            }
            Step::Return => "(return)".into(),
        }
    }
}

/// More locals than a program can have loops.
pub fn locals() -> String {
    format!("(local {})", "i32 ".repeat(100))
}

/// Executes programs step by step.
pub struct Interpreter {
    pub heap: Vec<u8>,
    pub written: BTreeSet<usize>,
    pub instructions: i64,
}

type Locals = [u32; LOCALS as usize];

impl Interpreter {
    fn range(&self, at: u64, size: usize) -> Result<std::ops::Range<usize>, End> {
        let end = at as usize + size;
        if end > HEAP_BYTES {
            Err(End::Trapped(Trap::MemoryOutOfBounds))
        } else {
            Ok(at as usize..end)
        }
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), End> {
        let range = self.range(at, bytes.len())?;
        self.written.extend(range.clone().map(|at| at / OS_PAGE_BYTES));
        self.heap[range].copy_from_slice(bytes);
        Ok(())
    }

    fn number(&mut self, number: &Number, locals: &Locals) -> Result<u32, End> {
        let local = |l: &u32| locals[*l as usize];
        self.instructions += match number {
            Number::Sum(..) | Number::Difference(..) => 3,
            Number::Quotient(..) => 10,
            _ => 1,
        };
        Ok(match number {
            Number::Constant(n) => *n,
            Number::Local(l) => local(l),
            Number::Sum(l, n) => local(l).wrapping_add(*n),
            Number::Difference(l, n) => local(l).wrapping_sub(*n),
            Number::Loaded(at) => {
                let at = self.number(at, locals)?;
                let range = self.range(at.into(), 1)?;
                self.heap[range.start].into()
            }
            Number::Quotient(a, b) => {
                let (a, b) = (self.number(a, locals)?, self.number(b, locals)?);
                a.checked_div(b).ok_or(End::Trapped(Trap::IntegerDivisionByZero))?
            }
        })
    }

    pub fn call(&mut self, steps: &[Step]) -> Result<(), Trap> {
        self.instructions += 1;
        match self.steps(steps, &mut Locals::default()) {
            Ok(()) | Err(End::Returned) => Ok(()),
            Err(End::Trapped(trap)) => Err(trap),
        }
    }

    fn steps(&mut self, steps: &[Step], locals: &mut Locals) -> Result<(), End> {
        steps.iter().try_for_each(|step| self.step(step, locals))
    }

    fn step(&mut self, step: &Step, locals: &mut Locals) -> Result<(), End> {
        match step {
            Step::Store(width, offset, at, value) => {
                let at = u64::from(self.number(at, locals)?) + u64::from(*offset);
                let value = self.number(value, locals)?.to_le_bytes();
                self.instructions += 1;
                self.write(at, &value[..width.1])
            }
            Step::Wide(offset, at, byte) => {
                let at = u64::from(self.number(at, locals)?) + u64::from(*offset);
                self.instructions += 3;
                self.write(at, &[*byte; 16])
            }
            Step::Set(local, value) => {
                locals[*local as usize] = self.number(value, locals)?;
                self.instructions += 1;
                Ok(())
            }
            Step::Fill(at, byte, size) => {
                let at = self.number(at, locals)?;
                self.instructions += 102 + i64::from(*size);
                self.write(at.into(), &vec![*byte; usize::from(*size)])
            }
            Step::Copy(to, from, size) => {
                let (to, from) = (self.number(to, locals)?, self.number(from, locals)?);
                self.instructions += 101 + i64::from(*size);
                let bytes = self.heap[self.range(from.into(), (*size).into())?].to_vec();
                self.write(to.into(), &bytes)
            }
            Step::Init(at, size) => {
                let at = self.number(at, locals)?;
                self.instructions += 102 + i64::from(*size);
                match SEGMENT.as_bytes().get(..usize::from(*size)) {
                    Some(bytes) => self.write(at.into(), bytes),
                    None => Err(End::Trapped(Trap::MemoryOutOfBounds)),
                }
            }
            Step::If(condition, then, other) => {
                self.instructions += 1 + 2;
                self.steps(if *condition { then } else { other }, locals)
            }
            Step::Block(before, leave, after) => {
                self.steps(before, locals)?;
                self.instructions += 1 + 2;
                if *leave { Ok(()) } else { self.steps(after, locals) }
            }
            Step::Loop(steps, times) => {
                self.instructions += 2;
                (0..*times).try_for_each(|_| {
                    self.steps(steps, locals)?;
                    self.instructions += 4 + 2;
                    Ok(())
                })
            }
            Step::Call(steps) => {
                self.instructions += 5;
                self.call(steps).map_err(End::Trapped)
            }
            Step::Return => {
                self.instructions += 1;
                Err(End::Returned)
            }
        }
    }
}

pub const SEGMENT: &str = "twenty bytes of text";
