"""``set_features``: one row at a time, its ranks first, and then the answers of eight tests in a look-up."""

from __future__ import annotations

from tvm import tirx

from compiler.codegen.computes.positions import safe_index
from compiler.codegen.schedules.region import is_one_op, parameters
from compiler.codegen.schedules.row_keys import make_keys
from compiler.codegen.schedules.row_ranks import make_ranks
from compiler.codegen.schedules.template import Config, Kernel, Space
from compiler.codegen.tir import KernelBuilder, broadcast, cast, lanes, literal, select
from compiler.ir import DType, Graph
from compiler.ir.ops.set_features import SetFeatures
from compiler.ir.ops.tree_tables import SETS_PER_GROUP
from compiler.targets import Target


class SetFeaturesOfRows:
    """A region of one ``set_features``."""

    name = "set_features"
    version = 1

    def matches(self, region: Graph, target: Target) -> bool:
        """Whether the region is that one op on its inputs in order."""
        return is_one_op(region, SetFeatures)

    def space(self, region: Graph, target: Target) -> Space:
        """Nothing to choose."""
        return Space()

    def emit(self, region: Graph, config: Config, target: Target, symbol: str) -> Kernel:
        """An iteration of the parallel loop is a row."""
        k = KernelBuilder(symbol, index_bits=8 * target.pointer_bytes, scalar=True)
        (x, column, edges, set_column, sets), (result,) = parameters(k, region)
        (rows, features), columns = x.shape, column.shape[0]
        keys_bytes = 4 * 2 * features
        scratch = k.pointer("scratch", DType.U8, (keys_bytes + columns,))
        keys, ranks = k.view(scratch, DType.I32, 0, (1, 2 * features)), scratch.part(keys_bytes, (columns,))
        answer = k.registers("answer", DType.U8, (1,))
        with k.parallel(rows, "row") as row:
            make_keys(k, x, row, keys, k.index(0), target.lanes(DType.I32.bytes))
            make_ranks(k, column, edges, keys, ranks, counts_bits=target.isa == "x86_64")
            for feature, width in k.strips(features, target.lanes(DType.F32.bytes)):
                result[row, lanes(feature, width)] = x[row, lanes(feature, width)]
            answer[0] = literal(0, "uint8")
            with k.serial(sets.shape[0], "sets") as group:
                given = k.let(set_column[group], "given")
                # Of a column that is given as its complement, the answers come onto those before.
                before = select(given < 0, answer[0], literal(0, "uint8"))
                owner = safe_index(k, given ^ (given >> 31), columns)
                answer[0] = sets[group, cast(ranks[owner], k.index_type)] | before
                bits = broadcast(cast(answer[0], "int32"), SETS_PER_GROUP) >> _NUMBERS
                place = lanes(group * SETS_PER_GROUP + features, SETS_PER_GROUP)
                result[row, place] = cast(bits & literal(1, "int32", like=bits), "float32")
        return Kernel(k.finish(), keys_bytes + columns)


_NUMBERS = tirx.Ramp(tirx.IntImm("int32", 0), tirx.IntImm("int32", 1), tirx.IntImm("int32", SETS_PER_GROUP))
"""Of the bits of an answer."""
