"""The table of real models: where each lies, the shapes to compile it for, and inputs that it was trained for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.ir.literal import Array
from tests.zoo.pictures import IMAGENET_DEVIATION, IMAGENET_MEAN, centre, network_input, stretched
from tests.zoo.sounds import frames, recording

Feeds = Mapping[str, Array]


@dataclass(frozen=True)
class ZooModel:
    """``samples(zoo)`` gives inputs on which the outputs differ; ``bound`` are inputs fixed when it is compiled."""

    name: str
    file: str
    samples: Callable[[Path], Sequence[Feeds]]
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    bound: Feeds = field(default_factory=dict[str, Array])


def squeezenet_input(path: Path) -> Array:
    """A picture for the SqueezeNet that was trained in Caffe: BGR around the mean."""
    return network_input(centre(path, 256, 227), (123, 117, 104), bgr=True)


def cifar_input(pictures: Array) -> Array:
    """Pictures u8[n, 32, 32, 3] for the CIFAR-10 networks."""
    return network_input(pictures.astype(np.float32), IMAGENET_MEAN, IMAGENET_DEVIATION)


def _squeezenet(zoo: Path) -> Sequence[Feeds]:
    names = ("n01440764_tench", "n02128385_leopard", "n03063599_coffee_mug")
    return [{"data": squeezenet_input(zoo / "imagenet_sample" / f"{name}.JPEG")} for name in names]


def _cifar(zoo: Path) -> Sequence[Feeds]:
    pictures = np.load(zoo / "cifar10_test" / "cifar10_test.npz")["x"][::900]
    return [{"input": cifar_input(picture[np.newaxis])} for picture in pictures]


def _coco(zoo: Path) -> Sequence[Feeds]:
    pictures = sorted((zoo / "yolox_nano").glob("*.jpg"))[:3]
    return [{"images": network_input(stretched(path, 416, 416), bgr=True)} for path in pictures]


def _street(zoo: Path) -> Sequence[Feeds]:
    pictures = sorted((zoo / "nanodet_m").glob("*.jpg"))
    return [
        {"input.1": network_input(stretched(path, 416, 416), IMAGENET_MEAN, IMAGENET_DEVIATION, bgr=True)}
        for path in pictures
    ]


def _people(zoo: Path) -> list[Path]:
    return sorted((zoo / "simplepose_mxnet").glob("*.jpg"))


def _faces(zoo: Path) -> Sequence[Feeds]:
    return [
        {"input": network_input(stretched(path, 320, 240), (127, 127, 127), (128, 128, 128))} for path in _people(zoo)
    ]


def _poses(zoo: Path) -> Sequence[Feeds]:
    return [
        {"data": network_input(stretched(path, 192, 256), IMAGENET_MEAN, IMAGENET_DEVIATION)} for path in _people(zoo)
    ]


def _speech(zoo: Path) -> Sequence[Feeds]:
    states = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 2, 1, 128)).astype(np.float32)
    sound = frames(recording(zoo / "silero_vad" / "test.wav"), 576, 512)[[20, 400, 900]]
    return [{"input": frame[np.newaxis], "state": state} for frame, state in zip(sound, states, strict=True)]


def _noisy_spectra(zoo: Path) -> Sequence[Feeds]:
    return [
        {"input_2": np.abs(np.fft.rfft(frame)).astype(np.float32)[None, None], "input_3": state}
        for frame, state in _noisy_frames(zoo)
    ]


def _noisy_sounds(zoo: Path) -> Sequence[Feeds]:
    return [{"input_4": frame[None, None], "input_5": state} for frame, state in _noisy_frames(zoo)]


def _noisy_frames(zoo: Path) -> list[tuple[Array, Array]]:
    states = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 1, 2, 128, 2)).astype(np.float32)
    sound = frames(recording(zoo / "silero_vad" / "test.wav"), 512, 128)[[80, 1600, 3600]]
    return list(zip(sound, states, strict=True))


def _silero(name: str) -> ZooModel:
    shapes = {"input": (1, 576), "state": (2, 1, 128)}
    rate = {"sr": np.array(16000, np.int64)}
    return ZooModel(name, f"silero_vad/{name}.onnx", _speech, shapes, rate)


ZOO_MODELS = (
    ZooModel("squeezenet_dc", "squeezenet_dc/squeezenet_v1.0.onnx", _squeezenet),
    ZooModel("resnet20", "resnet_cifar10/resnet20_cifar10.onnx", _cifar, {"input": (1, 3, 32, 32)}),
    ZooModel("resnet56", "resnet_cifar10/resnet56_cifar10.onnx", _cifar, {"input": (1, 3, 32, 32)}),
    ZooModel("yolox_nano", "yolox_nano/yolox_nano.onnx", _coco),
    ZooModel("nanodet_m", "nanodet_m/nanodet_m.onnx", _street),
    ZooModel("ultraface", "ultraface/version-RFB-320.onnx", _faces),
    ZooModel("simplepose", "simplepose_mxnet/deploy.onnx", _poses),
    _silero("silero_vad"),
    _silero("silero_vad_16k_op15"),
    _silero("silero_vad_op18_ifless"),
    ZooModel("dtln_1", "dtln/model_1.onnx", _noisy_spectra),
    ZooModel("dtln_2", "dtln/model_2.onnx", _noisy_sounds),
)
"""Every model of the zoo that this package checks."""


def zoo_model(name: str) -> ZooModel:
    """The model of that name."""
    return next(model for model in ZOO_MODELS if model.name == name)
