"""Operators that no artifact can have are refused with their reason; dropout is the identity at inference."""

from __future__ import annotations

import numpy as np
import pytest

from frontends import onnx as frontend
from frontends.onnx.converters.refused import CONVERTERS
from tests.frontends.onnx.nodes import check_node, node_model, random

INPUTS = {
    "Bernoulli": [random(3)],
    "ImageDecoder": [np.zeros(9, np.uint8)],
    "Multinomial": [random(2, 3)],
    "RandomNormal": [],
    "RandomNormalLike": [random(3)],
    "RandomUniform": [],
    "RandomUniformLike": [random(3)],
    "TfIdfVectorizer": [np.zeros(4, np.int64)],
}
TEXT = {"RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit"}


def test_every_refusal_is_tested_or_takes_text():
    assert INPUTS.keys() | TEXT == CONVERTERS.keys()


@pytest.mark.parametrize("op_type", list(INPUTS))
def test_refusal_names_node_and_reason(op_type):
    reason = "random" if op_type not in ("ImageDecoder", "TfIdfVectorizer") else "decode|text"
    with pytest.raises(frontend.UnsupportedModel, match=f"{op_type} 'node': .*({reason})"):
        frontend.load(node_model(op_type, INPUTS[op_type]))


def test_dropout_at_inference_is_the_identity():
    x, half = random(3, 4), np.array(0.5, np.float32)
    for opset, inputs in ((7, [x]), (10, [x]), (13, [x, half]), (13, [x, half, np.array(False)])):
        check_node(
            "Dropout", inputs, opset=opset, outputs=2, constants=[1, 2], framework="onnx" if opset > 9 else "none"
        )


def test_dropout_while_training_is_refused_unless_nothing_is_dropped():
    x, training = random(3, 4), np.array(True)
    model = node_model("Dropout", [x, np.array(0.5, np.float32), training], opset=13, constants=[1, 2])
    with pytest.raises(frontend.UnsupportedModel, match="in training mode the result is random"):
        frontend.load(model)
    check_node("Dropout", [x, np.array(0.0, np.float32), training], opset=13, outputs=2, constants=[1, 2])
