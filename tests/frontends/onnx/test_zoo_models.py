"""Real trained models through importer and reference interpreter, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from compiler.ir import evaluate, verify
from frontends import onnx as frontend

MODELS = [
    "squeezenet_dc/squeezenet_v1.0.onnx",
    "resnet_cifar10/resnet20_cifar10.onnx",
    "resnet_cifar10/resnet56_cifar10.onnx",
    "yolox_nano/yolox_nano.onnx",
    "nanodet_m/nanodet_m.onnx",
    "ultraface/version-RFB-320.onnx",
    "simplepose_mxnet/deploy.onnx",
    "dtln/model_1.onnx",
    "dtln/model_2.onnx",
]
SILERO = ["silero_vad.onnx", "silero_vad_16k_op15.onnx", "silero_vad_op18_ifless.onnx"]


def session_of(path: Path) -> onnxruntime.InferenceSession:
    """The model in ONNX Runtime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def assert_agrees(path: Path, feeds: dict[str, np.ndarray], bound: tuple[str, ...] = ()) -> None:
    """Importer + reference interpreter and ONNX Runtime give outputs that agree, and that vary."""
    shapes = {name: array.shape for name, array in feeds.items() if name not in bound}
    graph = frontend.load(path, inputs=shapes, bind={name: feeds[name] for name in bound})
    verify(graph)
    ours = evaluate(graph, {name: feeds[name] for name in graph.input_names})
    session = session_of(path)
    names = [output.name for output in session.get_outputs()]
    for name, result in zip(names, session.run(names, feeds), strict=True):
        expected = np.asarray(result)
        assert ours[name].shape == expected.shape
        assert expected.size == 1 or expected.std() > 0
        np.testing.assert_allclose(ours[name], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", MODELS)
def test_model(zoo, name):
    generator = np.random.default_rng(0)
    feeds = {
        info.name: generator.standard_normal([d if isinstance(d, int) else 1 for d in info.shape]).astype(np.float32)
        for info in session_of(zoo / name).get_inputs()
    }
    assert_agrees(zoo / name, feeds)


@pytest.mark.parametrize("name", SILERO)
@pytest.mark.parametrize("rate", [16000, 8000])
def test_voice_activity(zoo, name, rate):
    if rate == 8000 and "16k" in name:
        pytest.skip("this variant knows one sample rate")
    generator = np.random.default_rng(0)
    samples = 576 if rate == 16000 else 288
    feeds = {
        "input": generator.standard_normal((1, samples)).astype(np.float32) * np.float32(0.1),
        "state": generator.standard_normal((2, 1, 128)).astype(np.float32) * np.float32(0.1),
        "sr": np.array(rate, np.int64),
    }
    assert_agrees(zoo / "silero_vad" / name, feeds, bound=("sr",))


@pytest.mark.parametrize("name", ["abalone_onnx", "airline_xgb", "epsilon_xgb", "higgs_xgb", "year_prediction_msd_xgb"])
def test_treebeard(zoo, name):
    path = zoo / "treebeard" / "onnx_models" / f"{name}_model_save.onnx"
    (info,) = session_of(path).get_inputs()
    x = np.random.default_rng(0).normal(size=(200, info.shape[1])).astype(np.float32)
    x[::7, ::2] = np.nan
    graph = frontend.load(path, inputs={info.name: x.shape})
    (expected,) = session_of(path).run(None, {info.name: x})
    np.testing.assert_array_equal(evaluate(graph, {info.name: x})["variable"], expected)
