"""The table of passes and the named pipelines. Adding a pass is one module and one entry here."""

from compiler.passes.base import Pass
from compiler.passes.cancel_movement import CancelMovement
from compiler.passes.canonicalize import Canonicalize
from compiler.passes.choose_layouts import ChooseLayouts
from compiler.passes.cse import EliminateCommonSubexpressions
from compiler.passes.dce import EliminateDeadCode
from compiler.passes.fold_batch_norm import FoldBatchNorm
from compiler.passes.fold_constants import FoldConstants
from compiler.passes.fold_pad import FoldPad
from compiler.passes.fuse import Fuse
from compiler.passes.fuse_attention import FuseAttention
from compiler.passes.fuse_depthwise import FuseDepthwise
from compiler.passes.lower_forests import LowerForests
from compiler.passes.lower_if import LowerIf
from compiler.passes.pack_weights import PackWeights
from compiler.passes.prune_forests import PruneForests

PASSES: tuple[type[Pass], ...] = (
    Canonicalize,
    FoldConstants,
    FoldBatchNorm,
    FoldPad,
    CancelMovement,
    EliminateCommonSubexpressions,
    EliminateDeadCode,
    LowerIf,
    PruneForests,
    LowerForests,
    PackWeights,
    FuseAttention,
    Fuse,
    FuseDepthwise,
    ChooseLayouts,
)
"""Every pass, for ``PassManager.parse`` and ``compiler.opt --list``."""

# Constants first, so that rules see them; movement cancelled before batch norms are folded, so that scales
# stand right behind convolutions; a second round for what the first one uncovered.
STANDARD = (
    "fold-constants,canonicalize,cse,"
    "lower-if,prune-forests,lower-forests,fold-pad,cancel-movement,fold-batch-norm,"
    "fold-constants,canonicalize,cse,dce,"
    "pack-weights,fuse-attention,fuse,fuse-depthwise,choose-layouts"
)
"""The pipeline that the compiler runs."""

PIPELINES: dict[str, str] = {"standard": STANDARD}
"""Pipelines that have a name; the name stands for the passes in any pipeline text."""
