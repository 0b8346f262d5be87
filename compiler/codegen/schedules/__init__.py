"""Schedule templates, most specialized first: the first that matches a task computes it, unless a config names one.

Adding a template is one file and one row.
"""

from compiler.codegen.schedules.attention import Attention
from compiler.codegen.schedules.bitsliced_forest import BitslicedForests
from compiler.codegen.schedules.branching_forest import BranchingForests
from compiler.codegen.schedules.conv_blocked import ConvBlocked
from compiler.codegen.schedules.conv_direct import ConvDirect
from compiler.codegen.schedules.conv_pixels import ConvPixels
from compiler.codegen.schedules.deep_forest import DeepForests
from compiler.codegen.schedules.depthwise_blocked import DepthwiseBlocked
from compiler.codegen.schedules.depthwise_pointwise import DepthwisePointwise
from compiler.codegen.schedules.elementwise import Elementwise
from compiler.codegen.schedules.elementwise_blocked import ElementwiseBlocked
from compiler.codegen.schedules.global_pool_blocked import GlobalPoolBlocked
from compiler.codegen.schedules.inverted_bottleneck import InvertedBottleneck
from compiler.codegen.schedules.leafwise_forest import LeafwiseForests
from compiler.codegen.schedules.masked_forest import MaskedForests
from compiler.codegen.schedules.matmul_tiled import MatMulTiled
from compiler.codegen.schedules.planes import Planes
from compiler.codegen.schedules.pool_blocked import PoolBlocked
from compiler.codegen.schedules.ranked_forest import RankedForests
from compiler.codegen.schedules.reduction import OneReduction
from compiler.codegen.schedules.relayout import RelayoutCopy
from compiler.codegen.schedules.rows import Rows
from compiler.codegen.schedules.set_features import SetFeaturesOfRows
from compiler.codegen.schedules.template import Config, Kernel, Knob, Space, Template
from compiler.codegen.schedules.walks import Walks
from compiler.codegen.schedules.whole import WholeOp
from compiler.codegen.schedules.winograd import Winograd

SCHEDULES: tuple[Template, ...] = (
    RelayoutCopy(),
    ConvBlocked(),
    Winograd(),
    InvertedBottleneck(),
    DepthwisePointwise(),
    DepthwiseBlocked(),
    PoolBlocked(),
    GlobalPoolBlocked(),
    ConvDirect(),
    ConvPixels(),
    MatMulTiled(),
    ElementwiseBlocked(),
    Attention(),
    Planes(),
    Elementwise(),
    OneReduction(),
    Rows(),
    BitslicedForests(),
    DeepForests(),
    LeafwiseForests(),
    MaskedForests(),
    SetFeaturesOfRows(),
    RankedForests(),
    Walks(),
    BranchingForests(),
    WholeOp(),
)

__all__ = ["SCHEDULES", "Config", "Kernel", "Knob", "Space", "Template"]
