"""`python -m runtime.run`: run, time, profile and check an artifact from the command line.

Owns arguments, text and exit codes; everything else is `Model` and its neighbours.
"""

import argparse
import math
import os
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from runtime.errors import KilnError, MissingTensorError
from runtime.library import KernelTime
from runtime.manifest import GOLDEN
from runtime.model import Model
from runtime.npz import read_npz, write_npz
from runtime.selftest import load_golden, selftest
from runtime.tensors import Array, TensorSpec, random_arrays
from runtime.timing import time_runs

EXAMPLES = """\
examples:
  python -m runtime.run model.tar.gz --input image.npy              one input, by position
  python -m runtime.run model.tar.gz --input a=a.npy --input b=b.npy --output result.npz
  python -m runtime.run model.tar.gz --input inputs.npz             arrays by input name
  python -m runtime.run model.tar.gz --bench --threads 2            golden or random inputs
  python -m runtime.run model.tar.gz --bench --rows 1000            of a model with a dynamic batch
  python -m runtime.run model.tar.gz --profile
  python -m runtime.run model.tar.gz --selftest                     is this machine's result right?

exit status: 0 done, 1 failed, 2 wrong usage; KILN_DEBUG=1 shows tracebacks
"""

DONE, FAILED, USAGE = 0, 1, 2
_NPY_BEGINNING = b"\x93NUMPY"


class InputFileError(KilnError):
    """A file given with --input cannot be used."""


class FixedRowsError(KilnError):
    """--rows asks for a number of rows that the shapes of a model do not leave open."""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="python -m runtime.run",
        description="Run a compiled model.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("artifact", help="a .tar.gz or a directory that the compiler wrote")
    p.add_argument("--input", action="append", default=[], metavar="[NAME=]FILE", help=".npy or .npz; may be repeated")
    p.add_argument("--output", metavar="FILE.npz", help="write every output to this file")
    p.add_argument("--threads", type=_positive, help="threads of one run (default: the CPUs of this process)")
    p.add_argument("--bench", action="store_true", help="time repeated runs")
    p.add_argument("--profile", action="store_true", help="time each kernel")
    p.add_argument("--selftest", action="store_true", help="verify all digests and replay the golden vectors")
    p.add_argument("--rows", type=_positive, help="rows of a dynamic batch that --bench and --profile run (default: 1)")
    p.add_argument("--seconds", type=_duration, default=1.0, help="duration of --bench (default: 1)")
    return p


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def _duration(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    p = parser()
    options = p.parse_args(arguments)
    if not (options.input or options.bench or options.profile or options.selftest):
        p.error("nothing to do: give --input, --bench, --profile or --selftest")
    if options.output and not options.input:
        p.error("--output needs --input")
    if options.rows and options.input:
        p.error("--rows is for inputs that are not given")
    try:
        with Model(options.artifact, threads=options.threads) as model:
            return _execute(model, options)
    except (KilnError, OSError) as error:
        if os.environ.get("KILN_DEBUG"):
            raise
        print(f"error: {_explained(error)}", file=sys.stderr)
        return FAILED


def _explained(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _execute(model: Model, options: argparse.Namespace) -> int:
    if options.selftest and not _selftest(model):
        return FAILED
    if options.input:
        inputs = _read_inputs(model.inputs, options.input)
        outputs = model.run(inputs)
        _print_outputs(outputs)
        if options.output:
            write_npz(Path(options.output), outputs)
    else:
        if options.rows and not model.row_tile:
            raise FixedRowsError(f"--rows {options.rows}: {options.artifact} was not built with a dynamic batch")
        inputs = _default_inputs(model, options.rows or 1)
    if options.bench:
        _print_timing(model, inputs, options.seconds)
    if options.profile:
        _print_profile(model.profile(inputs))
    return DONE


def _default_inputs(model: Model, rows: int) -> Mapping[str, Array]:
    """Golden inputs are real ones (an index stays in range); random ones have to do without."""
    if GOLDEN not in model.manifest.files:
        return random_arrays(model.inputs, rows=rows)
    golden = load_golden(model)
    return (golden.of_rows(rows) if model.row_tile else golden).inputs


# Inputs


def _read_inputs(specs: Mapping[str, TensorSpec], arguments: Sequence[str]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for argument in arguments:
        more = _read_argument(specs, argument)
        if twice := arrays.keys() & more.keys():
            raise InputFileError(f"--input {argument}: input {min(twice)!r} is given twice")
        arrays |= more
    return arrays


def _read_argument(specs: Mapping[str, TensorSpec], argument: str) -> dict[str, Array]:
    name, equals, file = argument.partition("=")
    if not equals:
        name, file = "", argument
    content = _load(Path(file))
    if not isinstance(content, np.ndarray):
        if name:
            raise InputFileError(f"--input {argument}: a .npz holds several arrays; give it without '{name}='")
        return content
    if not name and len(specs) != 1:
        raise MissingTensorError("input", " / ".join(specs), [f"{file} (say which: --input NAME={file})"])
    return {name or next(iter(specs)): content}


def _load(path: Path) -> Array | dict[str, Array]:
    """Raises InputFileError. What begins like neither format is told here, since numpy takes it for a pickle."""
    try:
        if zipfile.is_zipfile(path):
            return read_npz(path)
        with path.open("rb") as file:
            if not file.read(len(_NPY_BEGINNING)).startswith(_NPY_BEGINNING):
                raise ValueError("it is neither")
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputFileError(f"--input {path}: cannot be read as .npy or .npz: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise InputFileError(f"--input {path}: cannot be read as .npy or .npz: {error}") from error


# Printing


def _print_outputs(outputs: Mapping[str, Array]) -> None:
    for name, array in outputs.items():
        print(f"{name}: {array.dtype}{list(array.shape)}  {_summary(array)}")


def _summary(array: Array) -> str:
    if array.size == 0:
        return "empty"
    if array.size <= 8:
        return np.array2string(array, precision=6, separator=", ").replace("\n", " ")
    return f"min {array.min():.6g}  max {array.max():.6g}  argmax {int(array.argmax())}"


def _print_timing(model: Model, inputs: Mapping[str, Array], seconds: float) -> None:
    t = time_runs(model, inputs, seconds)
    print(
        f"{model.manifest.name}: median {_ms(t.median)}, best {_ms(t.best)}, 95% under {_ms(t.p95)} "
        f"({t.runs} runs, {model.threads} threads)"
    )


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3f} ms"


def _print_profile(rows: Sequence[KernelTime]) -> None:
    """Mean times, not times of a run: with a dynamic batch, a kernel may run many times a run, or never."""
    rows = [row for row in rows if row.runs]
    means = [row.total_seconds / row.runs for row in rows]
    total = sum(means) or 1.0
    print(f"{'kernel':40} {'mean us':>10} {'share':>6} {'GFLOP/s':>8} {'GB/s':>7} {'threads':>7}")
    for row, mean in zip(rows, means, strict=True):
        rates = f"{row.flops / mean * 1e-9:8.1f} {row.bytes / mean * 1e-9:7.1f}" if mean else " " * 16
        print(f"{row.name:40.40} {1e6 * mean:10.1f} {mean / total:6.1%} {rates} {row.threads:7}")
    print(f"{'total':40} {1e6 * sum(means):10.1f}")


def _selftest(model: Model) -> bool:
    comparisons = selftest(model)
    for c in comparisons:
        print(
            f"{c.name}: {'ok' if c.passed else 'WRONG'}, largest difference {c.largest_difference:.3g}, "
            f"{c.worst_ratio:.2g} of what is allowed"
        )
    passed = all(c.passed for c in comparisons)
    print(f"selftest {'passed' if passed else 'FAILED'}: {model.manifest.name} for {model.manifest.target.name}")
    return passed


if __name__ == "__main__":
    sys.exit(main())
