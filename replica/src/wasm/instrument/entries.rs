//! The functions through which the host executes code of a module: one for each entry point, and one for all callbacks.
//!
//! They take the instruction counter from the added memory, and give it back. So the host need not access the added
//! global, unless the code traps: the engine checks each access of the host to a global, which takes longer than to
//! enter the code.

use super::counter::encoded;
use super::{Added, EXPORT_CALLBACK, EXPORT_ENTRY, Helper, ModuleParts};
use wasm_encoder::{ExportKind, ExportSection, Function, Instruction, TypeSection, ValType};

/// The functions for all entry points, and after them the one for callbacks, if the module has a table of functions.
/// `callback_type` is the index of the type of callbacks.
pub(super) fn functions(added: &Added, parts: &ModuleParts<'_>, callback_type: u32) -> Vec<Helper> {
    let entries = parts.entries.iter().map(|(_, function)| Helper {
        parameters: Vec::new(),
        code: between(added, &[Instruction::Call(*function)]),
    });
    let pointer = added.address_type();
    let callback = parts.function_table.map(|table| {
        // The parameters: the index of the callback in the table, and its argument.
        let mut call = vec![Instruction::LocalGet(1), Instruction::LocalGet(0)];
        match (pointer, table.has_wide_indices) {
            (ValType::I64, false) => call.push(Instruction::I32WrapI64),
            (ValType::I32, true) => call.push(Instruction::I64ExtendI32U),
            _ => {}
        }
        call.push(Instruction::CallIndirect { type_index: callback_type, table_index: 0 });
        Helper { parameters: vec![pointer, pointer], code: between(added, &call) }
    });
    entries.chain(callback).collect()
}

/// A function that executes `call` between taking the counter and giving it back.
fn between(added: &Added, call: &[Instruction<'_>]) -> Function {
    let mut code = Function::new([]);
    code.raw(encoded(|code| added.counter.take(code)));
    for instruction in call {
        code.instruction(instruction);
    }
    code.raw(encoded(|code| added.counter.give(code)));
    code.instruction(&Instruction::End);
    code
}

/// Adds the type of callbacks.
pub(super) fn add_callback_type(added: &Added, types: &mut TypeSection) {
    types.ty().function([added.address_type()], []);
}

/// Exports the functions, of which `first` is the index of the first one.
pub(super) fn export(parts: &ModuleParts<'_>, first: u32, section: &mut ExportSection) {
    for ((name, _), index) in parts.entries.iter().zip(first..) {
        section.export(&format!("{EXPORT_ENTRY}{name}"), ExportKind::Func, index);
    }
    if parts.function_table.is_some() {
        section.export(EXPORT_CALLBACK, ExportKind::Func, first + parts.entries.len() as u32);
    }
}
