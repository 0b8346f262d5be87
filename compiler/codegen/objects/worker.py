"""The worker process: turns jobs from standard input into objects on standard output.

Run as ``python -m compiler.codegen.objects.worker [MODULE …]`` by ``pool``; not for people. The modules are
imported before the first job comes. Its own standard output is moved out of the way of anything that prints.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from compiler.codegen.objects.channel import ChannelClosedError, Header, receive, send
from compiler.targets import Target

Emitter = Callable[[str, Target], tuple[bytes, str]]


def main() -> None:
    """Serve until the other side closes."""
    requests, replies = sys.stdin.buffer, _private_stdout()
    _import_early(sys.argv[1:])
    send(replies, {"status": "ready"})
    while True:
        try:
            request, _ = receive(requests)
        except ChannelClosedError:
            return
        reply, data = _answer(request)
        send(replies, reply, data)


def _import_early(modules: list[str]) -> None:
    """Import what jobs will need; one that cannot be imported is the error of the job that needs it."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception:  # noqa: BLE001 -- printed here, raised again and reported by the job
            traceback.print_exc()


def _private_stdout() -> BinaryIO:
    """The original standard output as a stream of our own; printing goes to standard error from now on."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return stream


def _answer(request: Header) -> tuple[Header, bytes]:
    try:
        target = Target.from_json(request["target"])
        emitter = _emitter(request["emitter"])
        with _memory_limit(request["memory_bytes"]):
            data, note = emitter(request["arguments"], target)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is this job's failure and is reported as such
        reason = f"{type(error).__name__}: {error}".strip()
        return {"status": "raised", "reason": reason, "details": traceback.format_exc()}, b""
    return {"status": "done", "note": note}, data


@contextmanager
def _memory_limit(count: int | None) -> Iterator[None]:
    """At most ``count`` bytes of address space beyond what this process has: who asks for more is refused."""
    if count is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + count
    most = min([wanted, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _emitter(name: str) -> Emitter:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


if __name__ == "__main__":
    main()
