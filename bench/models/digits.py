"""A small convolutional network for handwritten digits, trained here on real images.

The data is scikit-learn's copy of the UCI test set of optical digits: 1,797 images of 8 x 8 pixels in 0..16.
A fixed fifth is held out from training. `python -m bench.models.digits` trains again and rewrites
`digits.onnx` (under a minute); the committed file is the one that demo and tests use.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

from bench.models.builder import IR_VERSION, OPSET, Attribute, node
from bench.models.layers import (
    Adam,
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

MODEL_PATH = Path(__file__).with_name("digits.onnx")
HELD_OUT = 360
CLASSES = 10
SEED = 7
EPOCHS = 40
BATCH = 64
PEAK_RATE = 4e-3

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Images f32[N, 1, 8, 8] in [0, 1] and their labels i64[N]."""

    images: Floats
    labels: Labels


def digits_split() -> tuple[Split, Split]:
    """The images for training and the held-out ones; always the same split."""
    pixels, targets = load_digits(return_X_y=True)
    images = np.asarray(pixels, np.float32).reshape(-1, 1, 8, 8) / np.float32(16)
    labels = np.asarray(targets, np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    return Split(images[training], labels[training]), Split(images[held_out], labels[held_out])


def digits_model() -> onnx.ModelProto:
    """The committed model: input `image` f32[batch, 1, 8, 8], output `logits` f32[batch, 10]."""
    return onnx.load(MODEL_PATH)


class DigitsNetwork:
    """Three blocks of convolution, normalization and ReLU, a mean over the image, one dense layer."""

    def __init__(self, seed: int = SEED) -> None:
        rng = np.random.default_rng(seed)
        self.layers: list[Layer] = [
            Conv3x3(rng, 1, 16), BatchNorm(16), Relu(),
            Conv3x3(rng, 16, 32), BatchNorm(32), Relu(), MaxPool2x2(),
            Conv3x3(rng, 32, 64), BatchNorm(64), Relu(), GlobalAveragePool(),
            Dense(rng, 64, CLASSES),
        ]  # fmt: skip

    def logits(self, images: Floats, *, training: bool = False) -> Floats:
        """f32[N, 1, 8, 8] to f32[N, 10]."""
        x = images
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def accuracy(self, split: Split) -> float:
        """The fraction of images whose largest logit is the right one."""
        return float((self.logits(split.images).argmax(1) == split.labels).mean())


def train(split: Split, *, epochs: int = EPOCHS, seed: int = SEED) -> DigitsNetwork:
    """A network trained on `split`; the same arguments give the same network on the same machine."""
    network = DigitsNetwork(seed)
    rng = np.random.default_rng(seed)
    adam = Adam([p for layer in network.layers for p in layer.parameters])
    steps = epochs * (len(split.labels) // BATCH)
    for step in range(steps):
        chosen = rng.choice(len(split.labels), BATCH, replace=False)
        images = _shifted(rng, split.images[chosen])
        gradient = cross_entropy_gradient(network.logits(images, training=True), split.labels[chosen])
        for layer in reversed(network.layers):
            gradient = layer.backward(gradient)
        adam.step(_rate(step / steps))
    return network


def _rate(progress: float) -> float:
    """One cycle: up over the first tenth of the training, then half a cosine down to zero."""
    if progress < 0.1:
        return PEAK_RATE * progress / 0.1
    return PEAK_RATE * 0.5 * (1 + np.cos(np.pi * (progress - 0.1) / 0.9))


def _shifted(rng: np.random.Generator, images: Floats) -> Floats:
    """Each image moved by at most one pixel along each axis: 8 x 8 pixels bear no more."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    corners = rng.integers(0, 3, (len(images), 2))
    return np.stack([image[:, y : y + 8, x : x + 8] for image, (y, x) in zip(padded, corners, strict=True)])


def to_onnx(network: DigitsNetwork) -> onnx.ModelProto:
    """The trained network as ONNX, layer by layer: normalizations stay nodes, the batch stays open."""
    nodes: list[onnx.NodeProto] = []
    tensors: list[onnx.TensorProto] = []
    x = "image"

    def add(op_type: str, parameters: dict[str, Floats], **attributes: Attribute) -> None:
        nonlocal x
        result = f"{op_type.lower()}{len(nodes)}"
        names = [f"{result}.{label}" for label in parameters]
        tensors.extend(
            numpy_helper.from_array(value, name) for name, value in zip(names, parameters.values(), strict=True)
        )
        nodes.append(node(op_type, [x, *names], result, **attributes))
        x = result

    for layer in network.layers:
        match layer:
            case Conv3x3():
                add("Conv", {"weight": layer.weight.value}, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            case BatchNorm():
                statistics = {"mean": layer.mean, "variance": layer.variance}
                learned = {"scale": layer.scale.value, "shift": layer.shift.value}
                add("BatchNormalization", learned | statistics, epsilon=BatchNorm.EPSILON)
            case Relu():
                add("Relu", {})
            case MaxPool2x2():
                add("MaxPool", {}, kernel_shape=[2, 2], strides=[2, 2])
            case GlobalAveragePool():
                add("GlobalAveragePool", {})
                add("Flatten", {}, axis=1)
            case Dense():
                add("Gemm", {"weight": layer.weight.value, "bias": layer.bias.value}, transB=1)
            case _:
                raise TypeError(f"no ONNX form for {type(layer).__name__}")
    nodes[-1].output[0] = "logits"
    return _model(nodes, tensors)


def _model(nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
    graph = helper.make_graph(nodes, "digits", [image], [logits], tensors)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="bench.models.digits",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    """Train, report the accuracy on the held-out images and write the model."""
    training, held_out = digits_split()
    network = train(training)
    print(f"accuracy on {len(held_out.labels)} held-out images: {network.accuracy(held_out):.2%}")
    onnx.save(to_onnx(network), MODEL_PATH)
    print(f"wrote {MODEL_PATH} ({MODEL_PATH.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
