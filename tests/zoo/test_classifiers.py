"""Classifiers name the same class as ONNX Runtime for every labelled picture, and about as often the right one as
is known of the model."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import compiler
import runtime
from tests.zoo.models import cifar_input, squeezenet_input, zoo_model
from tests.zoo.parity import Peer

BATCH = 25
"""Divides the number of CIFAR-10 pictures."""


def test_squeezenet_on_imagenet_pictures(zoo: Path, build_cache: Path) -> None:
    model = zoo_model("squeezenet_dc")
    path, folder = zoo / model.file, zoo / "imagenet_sample"
    with (folder / "labels.csv").open() as file:
        labels = {row["file"]: int(row["class_index"]) for row in csv.DictReader(file)}
    inputs = [{"data": squeezenet_input(folder / name)} for name in labels]
    peer = Peer(path)
    with (
        compiler.compile(path, cache_dir=build_cache, verify=False) as artifact,
        runtime.Model(artifact.directory, threads=1) as compiled,
    ):
        ours = [int(compiled.run(feeds)["prob"].argmax()) for feeds in inputs]
    assert ours == [int(peer.run(feeds)["prob"].argmax()) for feeds in inputs]
    assert np.mean(np.array(ours) == list(labels.values())) > 0.55


@pytest.mark.parametrize(("name", "accuracy"), [("resnet20", 0.75), ("resnet56", 0.78)])
def test_resnet_on_cifar10_pictures(name: str, accuracy: float, zoo: Path, build_cache: Path) -> None:
    path = zoo / zoo_model(name).file
    data = np.load(zoo / "cifar10_test" / "cifar10_test.npz")
    inputs = [{"input": cifar_input(data["x"][i : i + BATCH])} for i in range(0, len(data["x"]), BATCH)]
    peer = Peer(path)
    shape = {"input": inputs[0]["input"].shape}
    with (
        compiler.compile(path, inputs=shape, cache_dir=build_cache, verify=False) as artifact,
        runtime.Model(artifact.directory, threads=1) as compiled,
    ):
        ours = np.concatenate([compiled.run(feeds)["logits"].argmax(axis=1) for feeds in inputs])
    expected = np.concatenate([peer.run(feeds)["logits"].argmax(axis=1) for feeds in inputs])
    np.testing.assert_array_equal(ours, expected)
    assert (ours == data["y"]).mean() > accuracy
