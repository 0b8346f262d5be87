"""The graph IR: types, ops, graphs, text form, verifier, rewriter and reference interpreter.

Imports only numpy and the standard library; knows nothing of frameworks, targets or TVM.
"""

from compiler.ir.dtypes import DType
from compiler.ir.graph import Graph, Node, Value
from compiler.ir.interpreter import EvaluationError, evaluate
from compiler.ir.literal import Literal
from compiler.ir.op import InferenceError, Op, RegionOp, Sample
from compiler.ir.parser import ParseError, parse_graph
from compiler.ir.printer import print_graph
from compiler.ir.rewriter import Rewriter, clone
from compiler.ir.task import Task, task_of, task_of_op
from compiler.ir.textfile import load_graph, save_graph
from compiler.ir.types import ROW_MAJOR, Layout, Shape, TensorType
from compiler.ir.verifier import MalformedGraphError, verify

__all__ = [
    "ROW_MAJOR",
    "DType",
    "EvaluationError",
    "Graph",
    "InferenceError",
    "Layout",
    "Literal",
    "MalformedGraphError",
    "Node",
    "Op",
    "ParseError",
    "RegionOp",
    "Rewriter",
    "Sample",
    "Shape",
    "Task",
    "TensorType",
    "Value",
    "clone",
    "evaluate",
    "load_graph",
    "parse_graph",
    "print_graph",
    "save_graph",
    "task_of",
    "task_of_op",
    "verify",
]
