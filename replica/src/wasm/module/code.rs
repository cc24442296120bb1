//! The rules for code: the size and complexity of a function, the effort to compile it, and the allowed
//! instructions.

use super::effort::{Arities, Effort, EffortCounter};
use super::{InvalidModule, invalid};
use crate::limits::*;
use std::collections::BTreeSet;
use wasmparser::{FunctionBody, Operator};

/// The properties of a function's code that the replica needs.
#[derive(Debug, Default)]
pub(super) struct FunctionSummary {
    /// The data segments that `memory.init` instructions use.
    pub memory_init_segments: Vec<u32>,
    /// The imported functions in instructions `call` and `return_call`.
    pub called_imports: BTreeSet<u32>,
    /// The lowest index of the functions in instructions `ref.func` and `return_call`.
    pub lowest_referenced: Option<u32>,
    /// Whether the code drops data or element segments.
    pub drops_segments: bool,
    /// The effort to compile the function.
    pub effort: Effort,
}

/// Checks the body of a function. `number` counts the functions that the module defines; `of_type` is the type
/// of the function; `imports` is the number of imported functions.
pub(super) fn check_function(
    number: u32,
    of_type: u32,
    imports: u32,
    body: &FunctionBody<'_>,
    arities: Arities<'_>,
) -> Result<FunctionSummary, InvalidModule> {
    let mut summary = FunctionSummary::default();
    let (parameters, results) = arities.of_type(of_type);
    let mut locals = u64::from(parameters);
    for declared in body.get_locals_reader()? {
        locals += u64::from(declared?.0);
    }
    let mut effort = EffortCounter::new(arities, locals, results);
    let mut operators = body.get_operators_reader()?;
    let (mut instructions, mut sum) = (0u64, 0u64);
    while !operators.eof() {
        let operator = operators.read()?;
        if let Some(name) = refused(&operator) {
            return invalid(format!(
                "function {number} uses the instruction '{name}', which is not allowed"
            ));
        }
        if let Operator::Call { function_index } | Operator::ReturnCall { function_index } =
            operator
            && function_index < imports
        {
            summary.called_imports.insert(function_index);
        }
        match operator {
            Operator::MemoryInit { data_index, .. } => {
                summary.memory_init_segments.push(data_index)
            }
            Operator::RefFunc { function_index } | Operator::ReturnCall { function_index } => {
                let lowest = summary.lowest_referenced.unwrap_or(function_index);
                summary.lowest_referenced = Some(lowest.min(function_index));
            }
            Operator::DataDrop { .. } | Operator::ElemDrop { .. } => summary.drops_segments = true,
            _ => {}
        }
        instructions += 1;
        sum += complexity(&operator);
        // Counting takes time, too, so it ends for a function that is refused.
        if sum <= FUNCTION_COMPLEXITY_MAX && instructions <= FUNCTION_INSTRUCTIONS_MAX {
            effort.count(&operator);
        }
    }
    if sum > FUNCTION_COMPLEXITY_MAX {
        return invalid(format!(
            "function {number} has a complexity of {sum}, more than {FUNCTION_COMPLEXITY_MAX}; \
             split the function into smaller ones"
        ));
    }
    if instructions > FUNCTION_INSTRUCTIONS_MAX {
        return invalid(format!(
            "function {number} has {instructions} instructions, more than \
             {FUNCTION_INSTRUCTIONS_MAX}; split the function into smaller ones"
        ));
    }
    summary.effort = effort.finish();
    Ok(summary)
}

/// The name of an instruction that no module may use: the instructions that change tables.
fn refused(operator: &Operator<'_>) -> Option<&'static str> {
    Some(match operator {
        Operator::TableGrow { .. } => "table.grow",
        Operator::TableSet { .. } => "table.set",
        Operator::TableFill { .. } => "table.fill",
        Operator::TableCopy { .. } => "table.copy",
        Operator::TableInit { .. } => "table.init",
        _ => return None,
    })
}

/// The complexity of an instruction for the compiler (`embedders/src/wasm_utils/validation.rs`,
/// `wasm_function_complexity`, in the replica's repository).
fn complexity(operator: &Operator<'_>) -> u64 {
    macro_rules! table {
        ($($value:literal => $($name:ident)+;)+) => {
            match operator {
                $($(Operator::$name { .. })|+ => $value,)+
                _ => 1,
            }
        };
    }
    table! {
        50 => Block Loop If Br BrIf BrTable Call CallIndirect MemoryGrow;
        14 => TableGet;
        8 => RefFunc;
        6 => RefIsNull;
        5 => I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U
             I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U I64ExtendI32S I64ExtendI32U
             F32ConvertI32S F32ConvertI32U F32ConvertI64S F32ConvertI64U F32DemoteF64
             F64ConvertI32S F64ConvertI32U F64ConvertI64S F64ConvertI64U;
        4 => F32Neg F32Abs F64Neg F64Abs MemoryCopy;
        3 => F32Copysign F64Copysign F64Eq MemoryFill
             I32RemU I32RemS I64RemU I64RemS I32DivU I32DivS I64DivU I64DivS
             I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U
             I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
             I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S I32TruncSatF64U
             I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U;
        2 => GlobalGet I32Popcnt I64Popcnt Select MemorySize
             I32Store I32Store16 I32Store8 I64Store I64Store32 I64Store16 I64Store8
             F64Store F32Store
             I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
             I64Eqz I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU
             F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Ne F64Lt F64Gt F64Le F64Ge
             F32Ceil F64Ceil F32Floor F64Floor F32Sqrt F64Sqrt F32Trunc F64Trunc
             I32ReinterpretF32 I64ReinterpretF64 F32ReinterpretI32 F64ReinterpretI64
             I32WrapI64 I32Extend8S I32Extend16S I64Extend8S I64Extend16S I64Extend32S
             F64PromoteF32;
    }
}
