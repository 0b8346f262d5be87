"""Passes: Graph -> Graph, one file per pass, pipelines as text.

Sees ``compiler.ir`` only; what a pass may know of targets and costs comes with its ``PassContext``.
"""

from compiler.passes.base import Pass, PipelineError, Statistics
from compiler.passes.context import CostsOf, PassContext, TargetCapabilities, context_for
from compiler.passes.pass_manager import PassError, PassManager
from compiler.passes.patterns import RuleSet
from compiler.passes.report import IrPrinter, Observer, PassRecord, PipelineReport
from compiler.passes.table import PASSES, PIPELINES, STANDARD

__all__ = [
    "PASSES",
    "PIPELINES",
    "STANDARD",
    "CostsOf",
    "IrPrinter",
    "Observer",
    "Pass",
    "PassContext",
    "PassError",
    "PassManager",
    "PassRecord",
    "PipelineError",
    "PipelineReport",
    "RuleSet",
    "Statistics",
    "TargetCapabilities",
    "context_for",
]
