"""The thin layer over TVM's TIR through which every kernel template emits code.

Owns loop nests, typed memory access, the kernel calling convention and the way to machine code. Knows nothing
of graphs, tasks or schedules.
"""

from compiler.codegen.tir.array import Array, Index, row_major_strides
from compiler.codegen.tir.bits import bits_of, either, exchanged
from compiler.codegen.tir.builder import KernelBuilder, KernelError, parallel_extent
from compiler.codegen.tir.dtypes import (
    arithmetic_type,
    from_storage,
    rounded_through,
    storage_type,
    to_storage,
)
from compiler.codegen.tir.expr import (
    Binder,
    broadcast,
    cast,
    element_type,
    fence,
    intrinsic,
    is_nan,
    lane_count,
    lanes,
    libm,
    literal,
    maximum,
    minimum,
    not_equal,
    reinterpret,
    reinterpret_vector,
    select,
    with_lanes,
)
from compiler.codegen.tir.lowering import (
    UnresolvedSymbolError,
    assembly,
    build_object,
    llvm_ir,
    lower,
    object_and_assembly,
)
from compiler.codegen.tir.shuffle import doubled, every, interleaved, repeated, shuffled, transposed

__all__ = [
    "Array",
    "Binder",
    "Index",
    "KernelBuilder",
    "KernelError",
    "UnresolvedSymbolError",
    "arithmetic_type",
    "assembly",
    "bits_of",
    "broadcast",
    "build_object",
    "cast",
    "doubled",
    "either",
    "element_type",
    "every",
    "exchanged",
    "fence",
    "from_storage",
    "interleaved",
    "intrinsic",
    "is_nan",
    "lane_count",
    "lanes",
    "libm",
    "literal",
    "llvm_ir",
    "lower",
    "maximum",
    "minimum",
    "not_equal",
    "object_and_assembly",
    "parallel_extent",
    "reinterpret",
    "reinterpret_vector",
    "repeated",
    "rounded_through",
    "row_major_strides",
    "select",
    "shuffled",
    "storage_type",
    "to_storage",
    "transposed",
    "with_lanes",
]
