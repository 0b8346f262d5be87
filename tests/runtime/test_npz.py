"""The .npz writer and reader."""

from pathlib import Path

import numpy as np
import pytest

from runtime.npz import read_npz, write_npz


def test_round_trip_with_names_that_numpy_cannot_write(tmp_path: Path) -> None:
    arrays = {
        "file": np.arange(6).reshape(2, 3),
        "out:a/b:0": np.array([1.5], np.float32),
        "s": np.array(True),
    }
    write_npz(tmp_path / "a.npz", arrays)
    again = read_npz(tmp_path / "a.npz")
    assert list(again) == list(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)
    with np.load(tmp_path / "a.npz") as theirs:
        np.testing.assert_array_equal(theirs["file"], arrays["file"])


def test_equal_bytes_for_equal_arrays(tmp_path: Path) -> None:
    for name in "ab":
        write_npz(tmp_path / name, {"x": np.ones(3)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_npz(tmp_path / "a.npz", {"x": np.array([{}], object)})
    np.savez(tmp_path / "b.npz", x=np.array([{}], object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_npz(tmp_path / "b.npz")


def test_one_array_is_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3))
    with pytest.raises(ValueError, match="holds one array"):
        read_npz(tmp_path / "a.npy")
