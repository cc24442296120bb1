//! Code that updates and checks the instruction counter: the number of instructions left.
//!
//! Each function works with a copy of the counter in a local, which the engine can keep in a register. The function
//! stores the copy before each call and before it returns, and loads the counter again after each call. Other
//! instructions can trap, too: see [`CounterStores`].
//!
//! Between functions of the module, the counter is in an added global: the engine accesses a global with one
//! instruction, which takes less time to compile and to execute than an access to a memory. For functions of the host,
//! the counter is in the added memory, where the host can read and write it cheaply: the code copies it to the memory
//! before each call of the host, and back after it.
//!
//! [`CounterStores`]: super::CounterStores

use super::{COUNTER_ADDRESS, OUT_OF_INSTRUCTIONS};
use wasm_encoder::{BlockType, Encode, Instruction, MemArg};

/// The instruction counter in a function.
#[derive(Clone, Copy)]
pub(super) struct Counter {
    /// Where the counter is between functions.
    pub place: Place,
    /// The index of the local with the copy.
    pub local: u32,
}

/// Where the instruction counter is between functions of the module.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The index of the added memory, where the counter is for functions of the host.
    pub memory: u32,
    /// The index of the added global. `None` if the counter is always in the memory.
    pub global: Option<u32>,
}

impl Place {
    /// Appends code that leaves the counter on the stack.
    pub fn load(self, code: &mut Vec<u8>) {
        match self.global {
            Some(global) => append(code, [Instruction::GlobalGet(global)]),
            None => append(code, load(self.memory)),
        }
    }

    /// Appends code that stores the value of a local as the counter.
    pub fn store(self, local: u32, code: &mut Vec<u8>) {
        match self.global {
            Some(to) => append(code, [Instruction::LocalGet(local), Instruction::GlobalSet(to)]),
            None => {
                append(code, [Instruction::I32Const(0), Instruction::LocalGet(local)]);
                append(code, [store(self.memory)]);
            }
        }
    }

    /// Appends code that gives the counter to the host.
    pub fn give(self, code: &mut Vec<u8>) {
        if let Some(global) = self.global {
            append(code, [Instruction::I32Const(0), Instruction::GlobalGet(global)]);
            append(code, [store(self.memory)]);
        }
    }

    /// Appends code that takes the counter back from the host.
    pub fn take(self, code: &mut Vec<u8>) {
        if let Some(global) = self.global {
            append(code, load(self.memory));
            append(code, [Instruction::GlobalSet(global)]);
        }
    }

    /// Appends code that stops the execution because no instructions are left.
    pub fn stop(self, code: &mut Vec<u8>) {
        match self.global {
            Some(global) => {
                append(code, [Instruction::I64Const(OUT_OF_INSTRUCTIONS)]);
                append(code, [Instruction::GlobalSet(global), Instruction::Unreachable]);
            }
            None => append(code, stop(self.memory)),
        }
    }
}

impl Counter {
    /// Appends code that subtracts `cost` from the copy.
    pub fn charge(self, cost: i64, code: &mut Vec<u8>) {
        append(code, [Instruction::LocalGet(self.local), Instruction::I64Const(cost)]);
        append(code, [Instruction::I64Sub, Instruction::LocalSet(self.local)]);
    }

    /// Appends code that loads the copy.
    pub fn load(self, code: &mut Vec<u8>) {
        self.place.load(code);
        append(code, [Instruction::LocalSet(self.local)]);
    }

    /// Appends code that stores the copy.
    pub fn store(self, code: &mut Vec<u8>) {
        self.place.store(self.local, code);
    }

    /// Appends the beginning of the Wasm block that a failed check leaves. The code of the function is in this block.
    pub fn begin(self, code: &mut Vec<u8>) {
        append(code, [Instruction::Block(BlockType::Empty)]);
    }

    /// Appends code that leaves the block of [`begin`](Self::begin), the outermost of `depth` + 1 blocks, if the copy
    /// is less than `least`. Returns the position of the branch in `code`.
    pub fn check(self, least: i64, depth: u32, code: &mut Vec<u8>) -> usize {
        append(code, [Instruction::LocalGet(self.local), Instruction::I64Const(least)]);
        append(code, [Instruction::I64LtS]);
        let branch = code.len();
        append(code, [Instruction::BrIf(depth)]);
        branch
    }

    /// Appends the end of the function: a return, and, after the block of [`begin`](Self::begin), code that stops the
    /// execution. One such place for all checks of the function takes less time to compile than one for each.
    pub fn end(self, code: &mut Vec<u8>) {
        append(code, [Instruction::Return, Instruction::End]);
        self.place.stop(code);
        append(code, [Instruction::End]);
    }
}

fn append<const N: usize>(code: &mut Vec<u8>, instructions: [Instruction<'_>; N]) {
    for instruction in instructions {
        instruction.encode(code);
    }
}

/// Code that leaves the counter in the memory on the stack. `memory` is the index of the added memory.
pub(super) fn load(memory: u32) -> [Instruction<'static>; 2] {
    [Instruction::I32Const(0), Instruction::I64Load(place(memory))]
}

/// Stores a number as the counter in the memory. On the stack: the address 0 and the number.
pub(super) fn store(memory: u32) -> Instruction<'static> {
    Instruction::I64Store(place(memory))
}

/// Code that stops the execution because no instructions are left. It stores the counter in the memory.
pub(super) fn stop(memory: u32) -> [Instruction<'static>; 4] {
    [
        Instruction::I32Const(0),
        Instruction::I64Const(OUT_OF_INSTRUCTIONS),
        store(memory),
        Instruction::Unreachable,
    ]
}

fn place(memory: u32) -> MemArg {
    MemArg { offset: COUNTER_ADDRESS as u64, align: 3, memory_index: memory }
}

/// The code that `append` appends, for a function that is built with [`wasm_encoder::Function::raw`].
pub(super) fn encoded(append: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut code = Vec::new();
    append(&mut code);
    code
}
