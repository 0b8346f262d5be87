"""LSTM, GRU and RNN against ONNX Runtime: directions, states, peepholes, lengths, activations, layouts."""

from __future__ import annotations

import numpy as np
import pytest

from frontends import onnx as frontend
from frontends.onnx.converters.recurrent import MAX_STEPS
from tests.frontends.onnx.nodes import check_node, node_model, random

STEPS, BATCH, FEATURES, HIDDEN = 5, 3, 4, 6
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STATES = {"RNN": 1, "GRU": 1, "LSTM": 2}
LENGTHS = np.array([5, 2, 3], np.int32)


def operands(op_type, directions=1, *, lengths=None, initial=True, peepholes=False):
    """The inputs of a recurrent node."""
    gates = GATES[op_type]
    x = random(STEPS, BATCH, FEATURES)
    w = random(directions, gates * HIDDEN, FEATURES) * 0.5
    r = random(directions, gates * HIDDEN, HIDDEN) * 0.5
    b = random(directions, 2 * gates * HIDDEN) * 0.2
    states = [random(directions, BATCH, HIDDEN, seed=i) if initial else None for i in range(STATES[op_type])]
    tail = [random(directions, 3 * HIDDEN)] if peepholes else []
    return [x, w, r, b, lengths, *states, *tail]


def check(op_type, inputs, **attributes):
    """Compare all outputs of one node."""
    outputs = 1 + STATES[op_type]
    check_node(op_type, inputs, {"hidden_size": HIDDEN, **attributes}, outputs=outputs, opset=14)


@pytest.mark.parametrize("op_type", list(GATES))
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
def test_directions_and_lengths(op_type, direction, lengths):
    inputs = operands(op_type, 2 if direction == "bidirectional" else 1, lengths=lengths)
    check(op_type, inputs, direction=direction)


@pytest.mark.parametrize("op_type", list(GATES))
def test_without_biases_and_states(op_type):
    x, w, r, *_ = operands(op_type)
    check(op_type, [x, w, r])


@pytest.mark.parametrize("op_type", list(GATES))
def test_clipping_limits_what_activations_see(op_type):
    check(op_type, operands(op_type), clip=0.25)


@pytest.mark.parametrize("biased", [True, False])
def test_gru_with_the_reset_gate_after_the_product(biased):
    inputs = operands("GRU")
    inputs = inputs if biased else [*inputs[:3], None, None, inputs[5]]
    check("GRU", inputs, linear_before_reset=1)


def test_lstm_peepholes_and_coupled_gates():
    check("LSTM", operands("LSTM", peepholes=True))
    check("LSTM", operands("LSTM", 2, peepholes=True, lengths=LENGTHS), direction="bidirectional")
    check("LSTM", operands("LSTM"), input_forget=1)


@pytest.mark.parametrize("name", ["Relu", "Softsign", "Softplus", "Sigmoid"])
def test_plain_activations(name):
    check("RNN", operands("RNN"), activations=[name])


def test_activations_with_parameters_take_them_in_order():
    names = ["HardSigmoid", "LeakyRelu", "Tanh", "Sigmoid", "ScaledTanh", "Elu"]
    check(
        "LSTM",
        operands("LSTM", 2),
        direction="bidirectional",
        activations=names,
        activation_alpha=[0.3, 0.05, 1.2, 0.7],
        activation_beta=[0.4, 0.9],
    )


@pytest.mark.parametrize("op_type", list(GATES))
def test_batch_first(op_type):
    # ONNX Runtime has no batch-first layout, the onnx reference only one direction.
    inputs = operands(op_type)
    inputs = [inputs[0].transpose(1, 0, 2).copy(), *inputs[1:4]]
    attributes = {"hidden_size": HIDDEN, "layout": 1}
    check_node(op_type, inputs, attributes, outputs=1 + STATES[op_type], opset=14, framework="onnx")


def test_long_sequences_are_refused():
    inputs = [random(MAX_STEPS + 1, 1, 2), random(1, 2, 2), random(1, 2, 2)]
    with pytest.raises(frontend.UnsupportedModel, match=rf"at most {MAX_STEPS} are.*initial_h"):
        frontend.load(node_model("RNN", inputs, {"hidden_size": 2}, opset=14))
