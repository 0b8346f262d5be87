"""Normalizations, activations and attention against ONNX Runtime or the onnx package's reference."""

from __future__ import annotations

import numpy as np
import pytest

from compiler.ir.ops.constant import Constant
from frontends import onnx as frontend
from tests.frontends.onnx.nodes import check_node, node_model, random


@pytest.mark.parametrize("opset", [7, 9, 15])
@pytest.mark.parametrize("constants", [(), (1, 2, 3, 4)], ids=["run-time", "constant"])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 5), (2, 3, 4, 5)])
def test_batch_normalization(opset, constants, shape):
    parameters = [random(3, seed=i) for i in range(3)]
    inputs = [random(*shape), *parameters, np.abs(random(3, seed=4)) + 0.1]
    check_node("BatchNormalization", inputs, {"epsilon": 1e-3}, opset=opset, constants=constants)


def test_constant_parameters_leave_one_product_and_one_sum():
    parameters = [random(3, seed=i) for i in range(3)]
    inputs = [random(1, 3, 4, 4), *parameters, np.abs(random(3)) + 0.1]
    graph = frontend.load(node_model("BatchNormalization", inputs, constants=[1, 2, 3, 4]))
    computing = [
        node.op.name for node in graph if not isinstance(node.op, Constant) and node.operands[0].type.rank == 4
    ]
    assert computing == ["mul", "add"]


def test_batch_normalization_while_training():
    inputs = [random(2, 3, 4, 5), *(np.abs(random(3, seed=i)) + 0.1 for i in range(4))]
    check_node("BatchNormalization", inputs, {"training_mode": 1}, outputs=3, opset=15, framework="onnx")


def test_layer_normalization():
    x = random(2, 3, 4, 5)
    for axis in (-1, 2, 1):
        shape = x.shape[axis:]
        check_node("LayerNormalization", [x, random(*shape), random(*shape)], {"axis": axis}, outputs=3)
    check_node("LayerNormalization", [x, random(5)])


def test_other_normalizations():
    x = random(2, 6, 4, 5)
    check_node("InstanceNormalization", [x, random(6), random(6, seed=1)])
    check_node("LRN", [x], {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 1.5})
    check_node("MeanVarianceNormalization", [x], {"axes": [0, 2]}, opset=13)
    check_node("GroupNormalization", [x, random(6), random(6)], {"num_groups": 3}, framework="onnx")
    check_node("GroupNormalization", [x, random(3), random(3)], {"num_groups": 3}, opset=18, framework="onnx")
    check_node("RMSNormalization", [x, random(4, 5)], {"axis": 2}, opset=23, framework="onnx")
    for p in (1, 2):
        check_node("LpNormalization", [x], {"axis": 1, "p": p})


def test_an_even_window_of_channels_reaches_further_up():
    # ONNX Runtime takes odd sizes only, and the onnx reference visits as many channels as there are samples.
    x = random(1, 6, 2, 2)
    (result,) = check_node("LRN", [x], {"size": 4, "alpha": 0.8}, framework="none")
    squares = np.stack([(x[:, max(0, c - 1) : c + 3] ** 2).sum(1) for c in range(6)], 1)
    np.testing.assert_allclose(result, x / (1 + 0.8 / 4 * squares) ** 0.75, rtol=1e-5)


def test_a_vector_of_zeros_stays_zero():
    (result,) = check_node("LpNormalization", [np.zeros((2, 3), np.float32)], framework="none")
    assert not result.any()


ACTIVATIONS = {
    "Celu": {"alpha": 2.0},
    "Elu": {"alpha": 0.7},
    "Gelu": {"approximate": "tanh"},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "HardSwish": {},
    "LeakyRelu": {"alpha": 0.2},
    "Mish": {},
    "Relu": {},
    "Selu": {},
    "Shrink": {"lambd": 0.7, "bias": 0.2},
    "Sigmoid": {},
    "Softplus": {},
    "Softsign": {},
    "Tanh": {},
    "ThresholdedRelu": {"alpha": 0.5},
}


@pytest.mark.parametrize("op_type", list(ACTIVATIONS))
@pytest.mark.parametrize("attributes", [True, False], ids=["stated", "default"])
def test_activations(op_type, attributes):
    x = np.concatenate([random(50) * 4, np.array([0, -0.0, 88, -88, 1, -1], np.float32)])
    check_node(op_type, [x], ACTIVATIONS[op_type] if attributes else {})


@pytest.mark.parametrize("alpha", [-0.3, 0.0, 1.0, 1.7])
def test_any_slope_below_zero(alpha):
    x = np.concatenate([random(20), np.array([0, -0.0, np.inf], np.float32)])
    check_node("LeakyRelu", [x], {"alpha": alpha})


def test_slopes_per_channel():
    x = random(2, 3, 4, 5)
    check_node("PRelu", [x, random(3, 1, 1)])
    check_node("PRelu", [x, random(5)])


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, None])
def test_softmax_flattens_before_opset_13(op_type, opset, axis):
    attributes = {} if axis is None else {"axis": axis}
    check_node(op_type, [random(2, 3, 4) * 30], attributes, opset=opset)


def test_integers_are_shrunk_in_their_own_type():
    x = np.arange(-5, 6, dtype=np.int32)
    check_node("Shrink", [x], {"lambd": 1.5, "bias": 1.5}, framework="onnx")


# -- attention ------------------------------------------------------------------------------------------


def attention(*shapes, rest=(), outputs=1, opset=24, **attributes):
    """Check one Attention node with q, k and v of these shapes."""
    inputs = [*(random(*shape, seed=i) for i, shape in enumerate(shapes)), *rest]
    return check_node("Attention", inputs, attributes, opset=opset, outputs=outputs, framework="onnx")


Q, K, V = (2, 4, 3, 8), (2, 4, 6, 8), (2, 4, 6, 5)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_attention_stages(mode):
    mask = random(3, 6, seed=9)
    # The reference gives the capped product as the raw one too, against the text of the standard.
    cap = 2.0 if mode else 0.0
    attention(Q, K, V, rest=[mask], outputs=4, qk_matmul_output_mode=mode, scale=0.3, softcap=cap)


@pytest.mark.parametrize("causal", [0, 1])
def test_attention_masks(causal):
    hidden = np.array([[True] * 6, [False] * 6, [False, True, False, True, True, False]])
    attention(Q, K, V, rest=[hidden], is_causal=causal)
    attention(Q, K, V, rest=[random(2, 1, 3, 4, seed=5)], is_causal=causal)  # padded to six keys
    lengths = np.array([6, 2], np.int64)
    attention(Q, K, V, rest=[None, None, None, lengths], is_causal=causal)


def test_attention_with_a_cache_and_shared_heads():
    past = [None, random(2, 2, 4, 8, seed=6), random(2, 2, 4, 5, seed=7)]
    attention(Q, (2, 2, 3, 8), (2, 2, 3, 5), rest=past, outputs=3, is_causal=1)


def test_attention_of_flat_heads():
    attention((2, 3, 32), (2, 6, 16), (2, 6, 10), q_num_heads=4, kv_num_heads=2)


@pytest.mark.parametrize("bounds", [(1, 0), (0, 2), (2, -1)])
def test_attention_in_a_window(bounds):
    attention(Q, K, V, opset=25, left_window_size=bounds[0], right_window_size=bounds[1])


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("width", [0, 4])
def test_rotary_embedding(interleaved, width):
    pairs = (width or 8) // 2
    attributes = {"interleaved": interleaved, "rotary_embedding_dim": width}
    ids = np.array([[0, 2, 1], [3, 4, 4]], np.int64)
    caches = [random(5, pairs), random(5, pairs, seed=1)]
    check_node("RotaryEmbedding", [random(2, 4, 3, 8), *caches, ids], attributes, opset=23, framework="onnx")
    flat = [random(2, 3, 32), random(2, 3, pairs), random(2, 3, pairs, seed=1)]
    check_node("RotaryEmbedding", flat, {**attributes, "num_heads": 4}, opset=23, framework="onnx")
