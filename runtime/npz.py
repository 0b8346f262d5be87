"""numpy's .npz format: arrays by name in a zip file, without pickles.

`numpy.savez` takes the names as keywords, so that a tensor called `file` cannot be written. Archives written
here hold no dates: equal arrays give equal bytes.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.tensors import Array


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write uncompressed, in the order of `arrays`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)


def read_npz(path: Path) -> dict[str, Array]:
    """Every array by name. Raises OSError, ValueError (not an .npz, or pickled objects inside)."""
    content: object = np.load(path, allow_pickle=False)
    if not isinstance(content, np.lib.npyio.NpzFile):
        raise ValueError("holds one array, not several by name")
    with content:
        return {name: content[name] for name in content.files}
