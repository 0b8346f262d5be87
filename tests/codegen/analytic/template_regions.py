"""A small region for every schedule template, for what must hold of all their kernels."""

from __future__ import annotations

import numpy as np

from compiler.ir import DType, Graph, Layout, Op, Rewriter, TensorType, parse_graph, task_of_op
from compiler.ir.ops.binary import Add, Mul
from compiler.ir.ops.bitsliced_forest import BitslicedForest
from compiler.ir.ops.branching_forest import BranchingForest
from compiler.ir.ops.deep_forest import DeepForest
from compiler.ir.ops.leafwise_forest import LeafwiseForest
from compiler.ir.ops.masked_forest import MaskedForest
from compiler.ir.ops.perfect_walk import PerfectWalk
from compiler.ir.ops.pooling import MaxPool
from compiler.ir.ops.ranked_forest import RankedForest
from compiler.ir.ops.reduction import ReduceSum
from compiler.ir.ops.set_features import SetFeatures
from compiler.ir.ops.sorting import TopK
from compiler.ir.ops.unary import Exp, Sigmoid
from compiler.targets import Target
from tests.codegen import test_attention as attention
from tests.codegen import test_depthwise_pointwise as pair
from tests.codegen import test_inverted_bottleneck as bottleneck
from tests.codegen import test_planes as planes
from tests.codegen import test_winograd as winograd
from tests.codegen.blocked_regions import blocked_region, blocked_type
from tests.codegen.test_blocked_windows import depthwise_region, global_pool_region, pool_region, square
from tests.codegen.test_conv_templates import blocked_graph, conv2d, conv_graph
from tests.codegen.test_groups import SOFTMAX
from tests.codegen.test_matmul import product
from tests.codegen.test_relayout import relayout_graph


def template_regions(target: Target) -> dict[str, Graph]:
    """By the name of the template that computes it."""
    lanes = target.lanes(4)
    vector = Layout(((1, lanes),))
    image = (1, 2 * lanes, 9, 11)
    window = square(image, 3, 1, 1, 1)
    pooled = planes.square((14, 33), 3, 1, 1, 1)
    return {
        "relayout": relayout_graph(DType.F32, (1, 2 * lanes, 6, 7), Layout(), vector),
        "conv_blocked": blocked_graph((1, 64, 9, 10), (64, 64, 3, 3), conv2d(1, 1, 1), lanes, 2, blocked_image=True),
        "winograd": winograd.Case((1, 32, 12, 12), 32).blocked(2, target),
        "inverted_bottleneck": bottleneck.bottleneck_region(
            bottleneck.Case((1, lanes, 8, 14), 2 * lanes, 3, 1, 2 * lanes, 2), lanes
        ),
        "depthwise_pointwise": pair.pair_region(pair.Case((1, 2 * lanes, 8, 14), 3, 1, 2 * lanes, 2), lanes),
        "depthwise_blocked": depthwise_region(window, lanes),
        "pool_blocked": pool_region(MaxPool, window, lanes),
        "global_pool_blocked": global_pool_region(
            ReduceSum, (1, 2 * lanes, 7, 7), keep=True, blocked=True, lanes=lanes
        ),
        "conv_direct": conv_graph((1, 5, 14, 17), (2 * lanes, 5, 3, 3), conv2d(1, 1, 1), 2 * lanes),
        "conv_pixels": conv_graph((1, 16, 12, 20), (24, 16, 1, 1), conv2d(), 0),
        "matmul_tiled": product(20, 64, 48, 2 * lanes),
        "elementwise_blocked": blocked_region(
            lambda r: r.emit(Sigmoid(), r.input("x", blocked_type(1, 2 * lanes, 5, 7, lanes=lanes))), lanes
        ),
        "attention": attention.attention(attention.Case((1, 2), 30, 41, 24, 16)),
        "planes": planes.plane_graph(MaxPool((3, 3), *((1, 1),) * 4), pooled),
        "elementwise": _scaled_exponentials(),
        "reduction": _sum_of_rows(),
        "rows": parse_graph(SOFTMAX),
        "whole": _sorted_rows(),
        "bitsliced_forest": _sample_of(BitslicedForest),
        "deep_forest": _sample_of(DeepForest),
        "leafwise_forest": _sample_of(LeafwiseForest),
        "masked_forest": _sample_of(MaskedForest),
        "ranked_forest": _sample_of(RankedForest),
        "set_features": _sample_of(SetFeatures),
        "walks": _sample_of(PerfectWalk),
        "branching_forest": _sample_of(BranchingForest),
    }


def _sample_of(op: type[Op]) -> Graph:
    sample = op.samples()[0]
    types = [TensorType(DType.of(operand.dtype), operand.shape) for operand in sample.operands]
    return task_of_op(sample.op, types).graph()


def _scaled_exponentials() -> Graph:
    graph = Graph("task")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (8, 100)))
    scale = rewriter.constant(np.array(3, np.float32))
    rewriter.output("y", rewriter.emit(Mul(), rewriter.emit(Exp(), x), scale))
    return graph


def _sum_of_rows() -> Graph:
    graph = Graph("task")
    rewriter = Rewriter(graph)
    x = rewriter.input("x", TensorType(DType.F32, (8, 100)))
    bias = rewriter.input("bias", TensorType(DType.F32, (8, 1)))
    rewriter.output("y", rewriter.emit(Add(), rewriter.emit(ReduceSum((1,)), x), bias))
    return graph


def _sorted_rows() -> Graph:
    graph = Graph("task")
    rewriter = Rewriter(graph)
    node = rewriter.node(TopK(1, 5), [rewriter.input("x", TensorType(DType.F32, (4, 30)))])
    for name, result in zip(("values", "places"), node.results, strict=True):
        rewriter.output(name, result)
    return graph
