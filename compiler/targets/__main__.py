"""``python -m compiler.targets``: the table of targets, and what this machine can do for each.

As a command it wires parts together, and so alone in this package may ask the toolchain.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from compiler.codegen.toolchain import ToolchainError, find_compiler, how_to_run
from compiler.targets.host import host_target
from compiler.targets.llvm import llvm_target_dict
from compiler.targets.resolve import resolve
from compiler.targets.table import ALIASES, TARGETS
from compiler.targets.target import Target, TargetError

_EXAMPLE = """examples:
  python -m compiler.targets                    every target, and how it runs and is linked on this machine
  python -m compiler.targets rasp4b             one target in full, by name or alias
  python -m compiler.targets my_board.py:BOARD  one of your own
  python -m compiler.targets --json             the same for programs

exit status: 0 done, 1 this machine cannot be described, 2 wrong usage or no such target
"""
_COLUMNS = ("name", "isa", "vector", "flops/cycle", "L1D", "L2", "L3", "here", "C compiler")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 0, 1 (the host cannot be described) or 2 (no such target)."""
    parser = argparse.ArgumentParser(
        prog="python -m compiler.targets",
        description="Lists the devices that Kiln compiles for.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", help="show this target only: a name, an alias, FILE.py:NAME or FILE.json")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args(arguments)
    try:
        shown = (resolve(options.name),) if options.name else (host_target(), *TARGETS)
    except TargetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if options.name else 1
    if options.json:
        print(json.dumps([_record(target) for target in shown], indent=1))
    elif options.name:
        print(_details(shown[0]))
    else:
        print(_table(shown))
        print("\nother names: " + ", ".join(f"{alias} = {name}" for alias, name in ALIASES.items()))
    return 0


def _aliases(target: Target) -> list[str]:
    return [alias for alias, name in ALIASES.items() if name == target.name]


def _compiler(target: Target) -> str:
    try:
        return find_compiler(target).identity
    except ToolchainError as error:
        return f"none: {error}"


def _record(target: Target) -> dict[str, object]:
    return {
        **json.loads(target.to_json()),
        "aliases": _aliases(target),
        "llvm": llvm_target_dict(target),
        "dot_products": target.dot_products,
        "peak_flops_per_cycle": target.peak_flops_per_cycle,
        "fingerprint": target.fingerprint(),
        "runs_here": how_to_run(target).kind,
        "compiler": _compiler(target),
    }


def _details(target: Target) -> str:
    rows = {
        "name": target.name,
        "description": target.description,
        "other names": ", ".join(_aliases(target)) or "-",
        "LLVM": json.dumps(llvm_target_dict(target)),
        "needs": " ".join(target.features),
        "vectors": f"{target.vector_registers} registers of {8 * target.vector_bytes} bits",
        "multiply-add": f"{target.fma_ports:g} vectors per cycle, latency {target.fma_latency}"
        f"{'' if target.has_fma else ', not fused'}",
        "loads": f"{target.load_ports:g} vectors per cycle",
        "issue": f"{target.issue_width} instructions per cycle",
        "peak": f"{target.peak_flops_per_cycle:g} float32 operations per cycle and core",
        "int8 dot products": ", ".join(target.dot_products) or "-",
        "bfloat16": "yes" if target.has_bf16 else "-",
        "caches per core": f"L1D {_size(target.l1d_bytes)}, L2 {_size(target.l2_bytes)},"
        f" L3 {_size(target.l3_bytes)}, lines of {target.cache_line_bytes} bytes",
        "glibc": f"{target.min_glibc} or newer" if target.min_glibc else "this machine's",
        "fingerprint": target.fingerprint(),
        "here": how_to_run(target).reason,
        "C compiler": _compiler(target),
    }
    width = max(map(len, rows))
    return "\n".join(f"{key:<{width}}  {value}" for key, value in rows.items())


def _table(targets: Sequence[Target]) -> str:
    rows = [_COLUMNS, *(_row(target) for target in targets)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _row(target: Target) -> tuple[str, ...]:
    return (
        target.name,
        target.isa,
        f"{target.vector_registers}x{8 * target.vector_bytes}",
        f"{target.peak_flops_per_cycle:g}",
        _size(target.l1d_bytes),
        _size(target.l2_bytes),
        _size(target.l3_bytes),
        how_to_run(target).kind,
        _compiler(target).partition(":")[0],
    )


def _size(amount: int) -> str:
    if amount == 0:
        return "-"
    return f"{amount / (1 << 20):g}M" if amount >= 1 << 20 else f"{amount >> 10}K"


if __name__ == "__main__":
    sys.exit(main())
