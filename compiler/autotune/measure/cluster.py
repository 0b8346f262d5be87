"""Builds and measurements on a Dask cluster: builds anywhere, on each board one measurement at a time.

A job whose worker dies is run again by another worker. A board is held by a lease, which a dead worker does not renew,
so that it cannot keep the board from the others. The optional packages are in the extra ``cluster``.
"""

from __future__ import annotations

import platform
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import distributed

from compiler.autotune.measure.interface import Builder, Built, Device, DeviceLostError, Incumbent, Measured
from compiler.codegen.space import Choice
from compiler.ir import Task

SCHEME = "dask://"
LISTENS_SECONDS = 10.0
ANSWERS_SECONDS = 60.0
"""How long a scheduler may take to accept a connection, and to answer."""


class ClusterError(ConnectionError):
    """The cluster does not answer, or lost a job for good."""


class Cluster(Protocol):
    """What is asked of ``distributed.Client``."""

    def submit(self, func: Callable[..., object], *args: object, pure: bool) -> object:
        """A future of the result, which a worker computes."""
        ...

    def gather(self, futures: list[object]) -> object:
        """A list of the results; raises what a job raised."""
        ...


def connect(address: str) -> distributed.Client:
    """The cluster at ``dask://HOST:PORT``, to be closed. Raises ClusterError."""
    place = address.removeprefix(SCHEME)
    host, _, port = place.rpartition(":")
    try:
        # A client would ask again and again where nobody listens, and must be patient where somebody is busy.
        socket.create_connection((host.strip("[]"), int(port)), LISTENS_SECONDS).close()
        return distributed.Client(f"tcp://{place}", timeout=ANSWERS_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(f"no Dask scheduler answers at {place}: {error}") from error


@dataclass(frozen=True)
class ClusterBuilder:
    """Spreads candidates over all workers; each makes them with a builder of its own.

    Args:
        client: the cluster.
        make: makes that builder; must be picklable.
    """

    client: Cluster
    make: Callable[[], Builder]

    def build(self, task: Task, choices: Sequence[Choice]) -> list[Built]:
        """One result per choice, in their order. Raises ClusterError."""
        futures = [self.client.submit(_build, self.make, Task(task.text), choice, pure=False) for choice in choices]
        return cast("list[Built]", _results(self.client, futures))


@dataclass(frozen=True)
class ClusterDevice:
    """A device that any worker can reach, or the machine of whichever worker it is.

    Args:
        client: the cluster.
        make: makes the device on a worker; must be picklable.
        board: its name, the same for all who use it; empty: every worker's machine is a board of its own.
    """

    client: Cluster
    make: Callable[[], Device]
    board: str = ""

    def measure(self, task: Task, candidates: Sequence[Built], incumbent: Incumbent | None) -> list[Measured]:
        """One result per candidate, in their order. Raises DeviceLostError, ClusterError."""
        arguments = (self.make, self.board, Task(task.text), list(candidates), incumbent)
        (answer,) = _results(self.client, [self.client.submit(_measure, *arguments, pure=False)])
        if isinstance(answer, str):
            raise DeviceLostError(answer)
        return cast("list[Measured]", answer)


def _build(make: Callable[[], Builder], task: Task, choice: Choice) -> Built:
    (built,) = make().build(task, [choice])
    return built


def _measure(
    make: Callable[[], Device],
    board: str,
    task: Task,
    candidates: Sequence[Built],
    incumbent: Incumbent | None,
) -> list[Measured] | str:
    """What the device says; if it is lost, the reason, since a task of a cluster that raises is given up."""
    lease = distributed.Semaphore(max_leases=1, name=f"kiln board {board or platform.node()}")
    with lease:
        try:
            return make().measure(task, candidates, incumbent)
        except DeviceLostError as error:
            return str(error)


def _results(client: Cluster, futures: list[object]) -> list[object]:
    try:
        return cast("list[object]", client.gather(futures))
    except (distributed.KilledWorker, distributed.CancelledError, OSError) as error:
        raise ClusterError(f"the cluster lost a job: {error}") from error
