"""The models from a seed: their arithmetic is the architecture's, and their outputs depend on the input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from bench.inputs import input_shapes, random_inputs, with_known_shapes
from bench.models.catalog import MODELS, UnknownModel, make_model
from bench.models.digits import digits_model
from bench.models.encoder import BERT_BASE, EncoderShape, encoder
from bench.models.light import LIGHT_MODELS, light_model, randomize_light_model
from bench.models.zoo import ZOO_MODELS, MissingZoo, ZooModel

# These have 240 to 600 MB of weights: their turn is in the long tests.
LARGE = ("light_vgg19", "light_bvlc_alexnet", "light_zfnet512", "bert_base")

PARAMETERS = {
    "resnet50": 25.6e6,
    "mobilenetv2": 3.54e6,
    "efficientnet_lite0": 4.69e6,
    "encoder": 3.16e6,
    "vit_tiny": 5.72e6,
}


def parameter_count(model: onnx.ModelProto) -> int:
    return sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)


def outputs(model: onnx.ModelProto, seeds: tuple[int, ...]) -> list[np.ndarray]:
    """The last value before a final softmax, which would hide differences, for each seed of the inputs."""
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(last.input[0]))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [np.asarray(session.run(None, random_inputs(model, seed))[-1]) for seed in seeds]


@pytest.mark.parametrize(
    "name", [pytest.param(e.name, marks=[pytest.mark.long] if e.name in LARGE else []) for e in MODELS]
)
def test_outputs_are_finite_and_depend_on_the_input(name: str) -> None:
    first, second = outputs(make_model(name), (0, 1))
    assert np.isfinite(first).all()
    assert 0.01 < first.std() < 100
    assert np.abs(first - second).max() > 0.01 * first.std()
    assert len(np.unique(first)) > 0.9 * first.size, "equal channels would mean equal weights"


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_a_network_has_the_parameters_of_its_architecture(name: str, parameters: float) -> None:
    assert parameter_count(make_model(name)) == pytest.approx(parameters, rel=0.005)


@pytest.mark.parametrize("name", ["mobilenetv2", "encoder", "light_squeezenet"])
def test_a_model_has_the_same_bytes_every_time(name: str) -> None:
    assert make_model(name).SerializeToString() == make_model(name).SerializeToString()


@pytest.mark.parametrize("name", [name for name in LIGHT_MODELS if f"light_{name}" not in LARGE])
def test_randomizing_changes_nothing_but_values(name: str) -> None:
    plain, random = light_model(name), randomize_light_model(name)
    onnx.checker.check_model(random)
    assert [n for n in plain.graph.node if n.op_type != "ConstantOfShape"] == list(random.graph.node)
    assert all(np.unique(numpy_helper.to_array(t)).size > 1 for t in random.graph.initializer if np.prod(t.dims) > 16)


def test_a_seed_decides_the_weights() -> None:
    first, second = (randomize_light_model("squeezenet", seed).SerializeToString() for seed in (0, 1))
    assert first != second


def test_the_encoder_follows_its_shape() -> None:
    model = encoder(EncoderShape(layers=2, width=64, heads=8, sequence=16))
    assert input_shapes(model) == {"embedded": (1, 16, 64)}
    assert [node.op_type for node in model.graph.node].count("LayerNormalization") == 4
    with pytest.raises(ValueError, match="3 heads do not divide"):
        EncoderShape(heads=3)


def test_bert_base_has_the_parameters_of_its_encoder() -> None:
    layer = 12 * BERT_BASE.width**2 + 13 * BERT_BASE.width
    assert BERT_BASE.layers * layer == pytest.approx(85.05e6, rel=1e-3)
    assert parameter_count(encoder(replace(BERT_BASE, layers=1))) == pytest.approx(layer, abs=200), "shapes and scalars"


@pytest.mark.parametrize("model", ZOO_MODELS, ids=lambda model: model.name)
def test_a_model_of_the_zoo_gets_its_shapes_and_depends_on_its_input(model: ZooModel, zoo: Path) -> None:
    fixed = with_known_shapes(make_model(model.name, zoo))
    assert {name: shape for name, shape in input_shapes(fixed).items() if name in model.shapes} == model.shapes
    assert not model.bound.keys() & input_shapes(fixed).keys()
    first, second = outputs(fixed, (0, 1))
    assert np.isfinite(first).all()
    assert np.abs(first - second).max() > 0


def test_a_zoo_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingZoo, match=r"resnet20 .* no file .*resnet20_cifar10\.onnx; --zoo DIR"):
        make_model("resnet20", tmp_path)


def test_stored_weights_are_no_inputs() -> None:
    model = light_model("squeezenet")
    assert len(model.graph.input) > 1, "the old format lists them"
    fixed = with_known_shapes(model)
    assert [value.name for value in fixed.graph.input] == ["data_0"]
    assert fixed.ir_version >= 4


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="resnet50, mobilenetv2"):
        make_model("resnet51")


def test_symbolic_dimensions_become_one() -> None:
    model = with_known_shapes(digits_model())
    assert input_shapes(model) == {"image": (1, 1, 8, 8)}
    assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim] == [1, 10]
