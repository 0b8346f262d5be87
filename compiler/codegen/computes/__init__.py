"""How each op is computed: one row per op class. A test proves the table complete."""

from compiler.codegen.computes import (
    forests,
    indexing,
    movement,
    pointwise,
    quantization,
    reduction,
    resampling,
    scans,
    scattering,
    sorting,
    windows,
    winograd,
)
from compiler.codegen.computes.interface import Compute, IndexMap, Operand, Pointwise, Reduction, Templated, Whole
from compiler.ir import Op

COMPUTES: dict[type[Op], Compute] = {
    **pointwise.ROWS,
    **movement.ROWS,
    **indexing.ROWS,
    **reduction.ROWS,
    **windows.ROWS,
    **winograd.ROWS,
    **scans.ROWS,
    **scattering.ROWS,
    **sorting.ROWS,
    **resampling.ROWS,
    **quantization.ROWS,
    **forests.ROWS,
}

__all__ = ["COMPUTES", "Compute", "IndexMap", "Operand", "Pointwise", "Reduction", "Templated", "Whole"]
