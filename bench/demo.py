"""`python -m bench.demo` (make demo): compile two real models, run them, print speed and parity.

Digits, a network that the project trained on real images, shows that predictions stay right; ResNet-50 shows
speed. Everything goes through the public API, the way a user would do it.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.arguments import command_parser
from bench.footprint import total_bytes
from bench.latency import SUBJECT, Comparison, Effort, PreparedModel, compare, prepare
from bench.markdown import mebibytes, milliseconds, table
from bench.models.catalog import make_model
from bench.models.digits import Split, digits_split
from bench.peers import Session, peer
from bench.process import available_processors
from bench.report import latency_table

EXAMPLE = """\
example:
  python -m bench.demo

exit status: 0 done, 1 an engine failed, 2 wrong usage
"""
DIGITS = "digits"
MODELS = (DIGITS, "resnet50")
REFERENCE = "onnxruntime"


def main(arguments: Sequence[str] | None = None) -> int:
    """The demo; 1 if an engine could not run a model."""
    command_parser("demo", __doc__, EXAMPLE).parse_args(arguments)
    comparisons: list[Comparison] = []
    with tempfile.TemporaryDirectory(prefix="kiln-demo-") as directory:
        models: list[PreparedModel] = []
        for name in MODELS:
            print(f"compiling {name} ...", file=sys.stderr)
            models.append(prepare(name, make_model(name), (SUBJECT, REFERENCE), Path(directory)))
        for model in models:
            print(f"measuring {model.name} ...", file=sys.stderr)
            counts = sorted({1, len(available_processors())})
            comparisons += [compare(model, threads, Effort()) for threads in counts]
        print(artifact_table(models, comparisons))
        print()
        print(latency_table(comparisons))
        print()
        print(accuracy_lines(models[0]))
    return 1 if any(comparison.failures for comparison in comparisons) else 0


def artifact_table(models: Sequence[PreparedModel], comparisons: Sequence[Comparison]) -> str:
    """A row per model that Kiln compiled: what the artifact took to build and load, and its size."""
    loads = {c.model: row.load_seconds for c in comparisons for row in c.measured if row.engine == SUBJECT}
    rows = [
        (
            model.name,
            f"{model.prepared[SUBJECT].seconds:.1f}",
            mebibytes(total_bytes([model.prepared[SUBJECT].path])),
            milliseconds(loads[model.name]),
        )
        for model in models
        if model.name in loads
    ]
    return table(("model", "build s", "artifact MiB", "load ms"), rows, labels=1)


def accuracy_lines(digits: PreparedModel) -> str:
    """How many of the held-out digits each engine reads rightly."""
    _, held_out = digits_split()
    return "\n".join(
        f"{engine} reads {accuracy(peer(engine).load(prepared.path, 1), held_out):.2%}"
        f" of {len(held_out.labels)} held-out images of digits rightly"
        for engine, prepared in digits.prepared.items()
    )


def accuracy(run: Session, split: Split) -> float:
    """The fraction of images whose largest logit is at the label, one image per run."""
    predictions = [int(run({"image": image[None]})["logits"].argmax()) for image in split.images]
    return sum(p == label for p, label in zip(predictions, split.labels, strict=True)) / len(predictions)


if __name__ == "__main__":
    sys.exit(main())
