"""Models with state, run over a whole recording: each engine goes on from its own last state, so that small
differences would add up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import compiler
import runtime
from compiler.ir.literal import Array
from tests.zoo.models import zoo_model
from tests.zoo.parity import Arrays, Peer
from tests.zoo.sounds import Floats, frames, recording

Run = Callable[[Arrays], Arrays]


def speech_probabilities(run: Run, sound: Floats, chunk: int, context: int) -> Array:
    """The output of a Silero model for each ``chunk`` samples with the ``context`` samples before them."""
    state = np.zeros((2, 1, 128), np.float32)
    probabilities: list[float] = []
    for frame in frames(sound, chunk + context, chunk):
        results = run({"input": frame[np.newaxis], "state": state})
        state = results["stateN"]
        probabilities.append(results["output"].item())
    return np.array(probabilities)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("silero_vad", 16000),
        ("silero_vad", 8000),
        ("silero_vad_16k_op15", 16000),
        ("silero_vad_op18_ifless", 16000),
    ],
)
def test_silero_finds_the_same_speech(name: str, rate: int, zoo: Path, build_cache: Path) -> None:
    model = zoo_model(name)
    sound = recording(zoo / "silero_vad" / "test.wav")
    if rate == 8000:
        sound = sound.reshape(-1, 2).mean(axis=1)
    chunk, context = (512, 64) if rate == 16000 else (256, 32)
    bound = {"sr": np.array(rate, np.int64)}
    shapes = {"input": (1, chunk + context), "state": (2, 1, 128)}
    peer = Peer(zoo / model.file, bound)
    with (
        compiler.compile(zoo / model.file, inputs=shapes, bind=bound, cache_dir=build_cache) as artifact,
        runtime.Model(artifact.directory, threads=1) as compiled,
    ):
        ours = speech_probabilities(compiled.run, sound, chunk, context)
    expected = speech_probabilities(peer.run, sound, chunk, context)
    assert expected.min() < 0.1 and expected.max() > 0.9, "the recording has speech and pauses"
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def denoised(mask: Run, synthesize: Run, sound: Floats) -> Array:
    """The blocks f32[count, 512] that the two halves of DTLN make of a recording."""
    first = second = np.zeros((1, 2, 128, 2), np.float32)
    blocks: list[Array] = []
    for frame in frames(sound, 512, 128):
        spectrum = np.fft.rfft(frame)
        masked = mask({"input_2": np.abs(spectrum).astype(np.float32)[None, None], "input_3": first})
        first = masked["tf_op_layer_stack_2"]
        estimate = np.fft.irfft(spectrum * masked["activation_2"][0, 0]).astype(np.float32)
        results = synthesize({"input_4": estimate[None, None], "input_5": second})
        second = results["tf_op_layer_stack_5"]
        blocks.append(results["conv1d_3"][0, 0])
    return np.stack(blocks)


def test_dtln_removes_the_same_noise(zoo: Path, build_cache: Path) -> None:
    sound = recording(zoo / "silero_vad" / "test.wav")[: 10 * 16000]
    paths = [zoo / zoo_model(name).file for name in ("dtln_1", "dtln_2")]
    expected = denoised(Peer(paths[0]).run, Peer(paths[1]).run, sound)
    with (
        compiler.compile(paths[0], cache_dir=build_cache) as first,
        compiler.compile(paths[1], cache_dir=build_cache) as second,
        runtime.Model(first.directory, threads=1) as mask,
        runtime.Model(second.directory, threads=1) as synthesize,
    ):
        ours = denoised(mask.run, synthesize.run, sound)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(ours, expected, atol=1e-3 * np.abs(expected).max())
