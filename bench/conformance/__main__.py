"""``python -m bench.conformance``: how many of ONNX's backend cases pass, are refused, wrong, or crash."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from bench.arguments import command_parser, writable_file
from bench.conformance.cases import CaseCatalog
from bench.conformance.engines import ENGINES
from bench.conformance.judge import STATUSES, Verdict
from bench.conformance.pool import run_cases, worker_command
from compiler.arguments import positive

EXAMPLE = """\
example: python -m bench.conformance --filter '^node:test_(add|resize)' --show wrong

exit status: 0 nothing wrong and nothing crashed, 1 otherwise, 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0: nothing is wrong and nothing crashed, 1: otherwise, 2: wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        wanted = re.compile(options.filter)
    except re.error as error:
        print(f"bench.conformance: --filter {options.filter!r} is no regular expression: {error}", file=sys.stderr)
        return 2
    names = [name for name in CaseCatalog().names if wanted.search(name)]
    if not names:
        print(f"bench.conformance: --filter {options.filter!r} matches no case", file=sys.stderr)
        return 2
    progress = _Progress(len(names))
    verdicts = run_cases(names, worker_command(options.engine), options.jobs, progress)
    progress.end()
    print(summary(verdicts, options.show))
    if options.json is not None:
        content = {"engine": options.engine, "cases": [asdict(verdict) for verdict in verdicts]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    counts = Counter(verdict.status for verdict in verdicts)
    return 1 if counts["wrong"] or counts["crashed"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("conformance", __doc__, EXAMPLE)
    add = parser.add_argument
    add("--engine", choices=tuple(ENGINES), default="compiled", help="what runs the cases: compiled (default)")
    add("--filter", default="", metavar="REGEX", help="only cases whose name matches, as in node:test_add")
    add("--jobs", type=positive, default=1, metavar="N", help="worker processes (default: 1)")
    add("--json", type=writable_file, metavar="FILE", help="write all verdicts to FILE")
    add("--show", choices=STATUSES, help="list the cases of one outcome")
    return parser


def summary(verdicts: Sequence[Verdict], show: str | None = None) -> str:
    """The counts, the reasons of refusal with how often each was given, and every case that neither passed nor was
    refused."""
    counts = Counter(verdict.status for verdict in verdicts)
    shown = [status for status in STATUSES if status != "noise" or counts[status]]
    lines = [f"{len(verdicts)} cases: " + ", ".join(f"{counts[status]} {status}" for status in shown)]
    reasons = Counter(verdict.reason for verdict in verdicts if verdict.status == "refused")
    lines += [f"  {count:5d} refused: {reason}" for reason, count in reasons.most_common()]
    for verdict in verdicts:
        if verdict.status in ("noise", "wrong", "crashed") or verdict.status == show:
            lines.append(f"  {verdict.status}: {verdict.name} {verdict.reason}".rstrip())
    return "\n".join(lines)


class _Progress:
    """A line on a terminal that says how far it is."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._shown = sys.stderr.isatty()

    def __call__(self, verdict: Verdict) -> None:
        self._done += 1
        if self._shown:
            print(f"\r{self._done}/{self._total} {verdict.name[:60]:60}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print(f"\r{'':80}\r", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
