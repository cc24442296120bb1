//! The cost of each Wasm instruction, in instructions of the Internet Computer.
//!
//! Source: `embedders/src/wasm_utils/instrumentation.rs`, `instruction_to_cost`, in the replica's
//! repository. An instruction that is not in the tables costs 1.

use crate::types::Instructions;
use wasmparser::Operator;

/// A table of costs: matches an operator by its name, whatever its immediates are.
macro_rules! cost_table {
    ($operator:expr; $($cost:expr => $($name:ident)+;)+ else => $other:expr) => {
        match $operator {
            $($(Operator::$name { .. })|+ => $cost,)+
            _ => $other,
        }
    };
}

/// The cost of executing `operator` once. Bulk memory operations cost one instruction for each byte in
/// addition; [`page_marks`](crate::wasm::instrument) charges these.
pub(crate) fn instruction_cost(operator: &Operator<'_>, wasm64: bool) -> Instructions {
    cost_table! { operator;
        0 => Block Loop Else End;
        2 => If Br BrIf BrTable GlobalGet GlobalSet;
        5 => Call TableGet TableSet RefIsNull;
        10 => CallIndirect I32DivS I32DivU I32RemS I32RemU I64DivS I64DivU I64RemS I64RemU;
        3 => ReturnCall;
        60 => ReturnCallIndirect;
        20 => MemorySize;
        300 => MemoryGrow TableGrow DataDrop ElemDrop;
        100 => MemoryFill MemoryCopy MemoryInit TableFill TableCopy TableInit TableSize;
        130 => RefFunc;
        if wasm64 { 2 } else { 1 } =>
            I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U
            I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
            I32Store I64Store F32Store F64Store I32Store8 I32Store16
            I64Store8 I64Store16 I64Store32
            V128Load V128Load8x8S V128Load8x8U V128Load16x4S V128Load16x4U V128Load32x2S
            V128Load32x2U V128Load8Splat V128Load16Splat V128Load32Splat V128Load64Splat
            V128Load32Zero V128Load64Zero V128Load8Lane V128Load16Lane V128Load32Lane
            V128Load64Lane V128Store V128Store8Lane V128Store16Lane V128Store32Lane
            V128Store64Lane;
        else => float_cost(operator)
    }
}

fn float_cost(operator: &Operator<'_>) -> Instructions {
    cost_table! { operator;
        2 => F32Add F32Sub F32Mul F32Ceil F32Floor F32Trunc F32Nearest
             F64Add F64Sub F64Mul F64Ceil F64Floor F64Trunc F64Nearest F32Copysign;
        3 => F64Copysign F32Div
             F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne F64Lt F64Gt F64Le F64Ge
             F32ConvertI32S F32ConvertI64S F64ConvertI32S F64ConvertI64S;
        5 => F64Div F32Sqrt;
        8 => F64Sqrt;
        16 => F32ConvertI32U F32ConvertI64U F64ConvertI32U F64ConvertI64U;
        18 => F32Min F32Max F64Min F64Max;
        20 => I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U
              I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U
              I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S I32TruncSatF64U
              I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U;
        else => vector_cost(operator)
    }
}

fn vector_cost(operator: &Operator<'_>) -> Instructions {
    cost_table! { operator;
        2 => I8x16LtU I8x16GtU I16x8LtU I16x8GtU I32x4LtU I32x4GtU
             I8x16ShrU I16x8Shl I16x8ShrS I16x8ShrU I32x4Shl I32x4ShrS I32x4ShrU
             I64x2Shl I64x2ShrU I32x4Mul
             I16x8ExtAddPairwiseI8x16U I16x8ExtMulHighI8x16S I16x8ExtMulHighI8x16U
             I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U
             I32x4ExtMulHighI16x8U
             F32x4Ceil F32x4Floor F32x4Trunc F32x4Nearest F32x4Abs F32x4Neg
             F32x4Add F32x4Sub F32x4Mul
             F64x2Ceil F64x2Floor F64x2Trunc F64x2Nearest F64x2Abs F64x2Neg
             F64x2Add F64x2Sub F64x2Mul
             I32x4TruncSatF32x4S I32x4TruncSatF64x2SZero;
        3 => I8x16Shuffle I8x16Popcnt I8x16Shl I8x16ShrS I64x2ShrS I32x4ExtAddPairwiseI16x8U
             I32x4TruncSatF64x2UZero;
        4 => I64x2Mul F32x4Min F32x4Max F64x2Min I32x4TruncSatF32x4U F32x4ConvertI32x4U;
        5 => F32x4Sqrt F64x2Max;
        10 => F32x4Div;
        12 => F64x2Div;
        14 => F64x2Sqrt;
        else => 1
    }
}

#[cfg(test)]
mod tests;
