"""The digits network: its training, its committed model, its data."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from bench.models.digits import (
    HELD_OUT,
    MODEL_PATH,
    DigitsNetwork,
    digits_model,
    digits_split,
    to_onnx,
    train,
)
from bench.models.layers import (
    BatchNorm,
    Conv3x3,
    Dense,
    Floats,
    GlobalAveragePool,
    Layer,
    MaxPool2x2,
    Relu,
    cross_entropy_gradient,
)


def predicted(model: onnx.ModelProto, images: Floats) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"image": images})[0])


def test_the_split_is_disjoint_complete_and_stable() -> None:
    training, held_out = digits_split()
    assert (len(training.labels), len(held_out.labels)) == (1797 - HELD_OUT, HELD_OUT)
    again, _ = digits_split()
    assert np.array_equal(training.images, again.images)
    seen = {image.tobytes() for image in training.images}
    assert not any(image.tobytes() in seen for image in held_out.images)


def test_the_committed_model_reads_held_out_digits() -> None:
    _, held_out = digits_split()
    right = predicted(digits_model(), held_out.images).argmax(1) == held_out.labels
    assert right.mean() >= 0.98


def test_the_committed_model_is_small_and_keeps_its_normalizations() -> None:
    assert MODEL_PATH.stat().st_size < 200_000
    kinds = [node.op_type for node in digits_model().graph.node]
    assert kinds.count("BatchNormalization") == kinds.count("Conv") == 3


def test_a_trained_network_and_its_onnx_agree() -> None:
    training, held_out = digits_split()
    network = train(training, epochs=2)
    ours, theirs = network.logits(held_out.images), predicted(to_onnx(network), held_out.images)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    assert network.accuracy(held_out) > 0.8, "two rounds over the data are enough to learn most of it"


def test_training_is_reproducible() -> None:
    training, _ = digits_split()
    first, second = (to_onnx(train(training, epochs=1)).SerializeToString() for _ in range(2))
    assert first == second
    assert first != to_onnx(train(training, epochs=1, seed=1)).SerializeToString()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv3x3(np.random.default_rng(0), 2, 3), (2, 2, 4, 4)),
        (BatchNorm(3), (4, 3, 2, 2)),
        (Relu(), (2, 3, 2, 2)),
        (MaxPool2x2(), (2, 2, 4, 4)),
        (GlobalAveragePool(), (2, 3, 4, 4)),
        (Dense(np.random.default_rng(0), 5, 3), (4, 5)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else None,
)
def test_gradients_are_those_of_finite_differences(layer: Layer, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape).astype(np.float32)
    weight = rng.standard_normal(layer.forward(x, True).shape).astype(np.float32)

    def loss() -> float:
        return float((layer.forward(x, True).astype(np.float64) * weight).sum())

    loss()
    gradients = [layer.backward(weight), *(p.gradient for p in layer.parameters)]
    for array, gradient in zip([x, *(p.value for p in layer.parameters)], gradients, strict=True):
        for index in rng.permutation(list(np.ndindex(array.shape)))[:6]:
            assert gradient[tuple(index)] == pytest.approx(_slope(array, tuple(index), loss), rel=0.02, abs=0.01)


def _slope(array: Floats, index: tuple[int, ...], loss: object) -> float:
    step, value = 1e-2, array[index].copy()
    array[index] = value + step
    above = loss()  # type: ignore[operator]
    array[index] = value - step
    below = loss()  # type: ignore[operator]
    array[index] = value
    return (above - below) / (2 * step)


def test_the_gradient_of_cross_entropy_sums_to_zero_and_points_to_the_label() -> None:
    logits = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    gradient = cross_entropy_gradient(logits, np.array([1, 2]))
    np.testing.assert_allclose(gradient.sum(1), 0.0, atol=1e-7)
    assert gradient[0, 1] < 0 < gradient[0, 0]
    np.testing.assert_allclose(gradient[1], np.array([1, 1, -2]) / 6, rtol=1e-6)


def test_an_untrained_network_knows_nothing() -> None:
    _, held_out = digits_split()
    assert DigitsNetwork().accuracy(held_out) < 0.4
