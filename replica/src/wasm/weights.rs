//! What each Wasm instruction costs, as the replica's instrumentation weighs it.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `instruction_to_cost`, in the replica's
//! repository. An instruction that is not named here costs 1. Three cost more than the engine's
//! table can hold (255): the rest of `memory.grow` is charged when memory grows
//! ([`MEMORY_GROW_EXTRA`]); `data.drop` and `elem.drop` stay 45 short.

use crate::types::Instructions;
use wasmtime::OperatorCost;

/// What `memory.grow` costs beyond its entry in the table.
pub(crate) const MEMORY_GROW_EXTRA: Instructions = 300 - u8::MAX as Instructions;

macro_rules! set {
    ($table:ident: $($cost:literal => $($operator:ident)+;)+) => {
        $($($table.$operator = $cost;)+)+
    };
}

/// The table of a 32-bit or of a 64-bit module, which differ in what memory accesses cost.
pub(crate) fn operator_costs(wasm64: bool) -> OperatorCost {
    let mut table = OperatorCost::new();
    control_and_variables(&mut table);
    integers_and_floats(&mut table);
    memories_and_tables(&mut table);
    vectors(&mut table);
    if wasm64 {
        wide_memory_accesses(&mut table);
    }
    table
}

fn control_and_variables(table: &mut OperatorCost) {
    set! { table:
        0 => Block Loop Else End;
        1 => Nop Drop Return Unreachable;
        2 => If Br BrIf BrTable GlobalGet GlobalSet;
        5 => Call;
        10 => CallIndirect;
        3 => ReturnCall;
        60 => ReturnCallIndirect;
    }
}

fn integers_and_floats(table: &mut OperatorCost) {
    set! { table:
        10 => I32DivS I32DivU I32RemS I32RemU I64DivS I64DivU I64RemS I64RemU;
        2 => F32Add F32Sub F32Mul F32Ceil F32Floor F32Trunc F32Nearest
             F64Add F64Sub F64Mul F64Ceil F64Floor F64Trunc F64Nearest F32Copysign;
        18 => F32Min F32Max F64Min F64Max;
        3 => F64Copysign F32Div
             F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne F64Lt F64Gt F64Le F64Ge
             F32ConvertI32S F32ConvertI64S F64ConvertI32S F64ConvertI64S;
        5 => F64Div F32Sqrt;
        8 => F64Sqrt;
        16 => F32ConvertI32U F32ConvertI64U F64ConvertI32U F64ConvertI64U;
        20 => I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U
              I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U
              I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S I32TruncSatF64U
              I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U;
    }
}

fn memories_and_tables(table: &mut OperatorCost) {
    set! { table:
        20 => MemorySize;
        255 => MemoryGrow DataDrop ElemDrop;
        100 => MemoryFill MemoryCopy MemoryInit TableFill TableCopy TableInit TableSize;
        5 => TableGet TableSet RefIsNull;
        1 => RefNull;
        130 => RefFunc;
    }
}

fn vectors(table: &mut OperatorCost) {
    set! { table:
        3 => I8x16Shl I8x16ShrS I8x16Shuffle I8x16Popcnt I64x2ShrS;
        2 => I8x16ShrU I16x8Shl I16x8ShrS I16x8ShrU I32x4Shl I32x4ShrS I32x4ShrU I32x4Mul
             F32x4Add F32x4Sub F32x4Mul;
        4 => I64x2Mul F32x4Min F32x4Max F64x2Min;
        5 => F64x2Max F32x4Sqrt;
        10 => F32x4Div;
        12 => F64x2Div;
        14 => F64x2Sqrt;
    }
}

fn wide_memory_accesses(table: &mut OperatorCost) {
    set! { table:
        2 => I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U
             I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
             I32Store I64Store F32Store F64Store I32Store8 I32Store16
             I64Store8 I64Store16 I64Store32;
    }
}

#[cfg(test)]
mod tests;
