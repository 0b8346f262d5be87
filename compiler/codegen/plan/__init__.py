"""Level 2 of the compiler: where every value lies and which kernels are called in which order.

From a fused graph and what is known of its kernels to a ``Plan``. Knows nothing of TIR or C.
"""

from compiler.codegen.plan.assemble import call_name
from compiler.codegen.plan.batch import batched_plan
from compiler.codegen.plan.interpreter import run_plan
from compiler.codegen.plan.packing import pack, unpack
from compiler.codegen.plan.plan import (
    ALIGNMENT,
    Address,
    Batch,
    Buffer,
    Call,
    CopyCall,
    KernelCall,
    Launch,
    Plan,
    RowTile,
    Space,
    Storage,
    Weight,
)
from compiler.codegen.plan.planner import graph_tasks, plan_graph
from compiler.codegen.plan.printer import print_plan

__all__ = [
    "ALIGNMENT",
    "Address",
    "Batch",
    "Buffer",
    "Call",
    "CopyCall",
    "KernelCall",
    "Launch",
    "Plan",
    "RowTile",
    "Space",
    "Storage",
    "Weight",
    "batched_plan",
    "call_name",
    "graph_tasks",
    "pack",
    "plan_graph",
    "print_plan",
    "run_plan",
    "unpack",
]
