"""Builds and measurements on a cluster of processes of this machine, of which some are killed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import dask.config
import distributed
import pytest

from compiler.autotune.measure.cluster import ClusterBuilder, ClusterDevice, ClusterError, connect
from compiler.autotune.measure.interface import DeviceLostError
from compiler.autotune.session import Effort, Session
from compiler.autotune.tuning_task import TuningTask
from compiler.codegen.space import Choice
from tests.autotune.fakes import SPACES, FakeBuilder, FakeDevice, FakeRecords, kit, tuning_task
from tests.autotune.measure.cluster_world import BusyDevice, DeadlyBuilder


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    with (
        dask.config.set(
            {
                "distributed.scheduler.locks.lease-timeout": "2s",
                "distributed.scheduler.locks.lease-validation-interval": "0.5s",
                "distributed.scheduler.worker-ttl": "10s",
            }
        ),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as started,
    ):
        yield started


@pytest.fixture
def client(cluster: object) -> Iterator[distributed.Client]:
    with distributed.Client(cluster) as connected:
        connected.wait_for_workers(2, timeout=60)
        yield connected


def test_jobs_of_killed_workers_are_run_again_and_a_board_has_one_guest(
    client: distributed.Client, tmp_path: Path
) -> None:
    """One worker dies in the middle of a build, one while it holds the board."""
    records = FakeRecords()
    builder = ClusterBuilder(client, partial(DeadlyBuilder, tmp_path))
    device = ClusterDevice(client, partial(BusyDevice, tmp_path), "the board")
    tasks = [tuning_task(number) for number in range(2)]
    shared = replace(kit(records=records), builder=builder, device=device)

    def tune(task: TuningTask) -> None:
        session = Session(shared, Effort(trials=24, batch=8))
        session.adopt([task])
        session.search(24)

    threads = [threading.Thread(target=tune, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert (tmp_path / "killed").exists() and (tmp_path / "dead").exists()
    assert len({(row.task, row.choice) for row in records.rows}) == len(records.rows) == 2 * 24
    turns = sorted(tuple(map(float, line.split())) for line in (tmp_path / "turns").read_text().splitlines())
    assert len(turns) >= 12
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(turns))


def test_a_lost_device_is_lost_for_the_session_too(client: distributed.Client) -> None:
    device = ClusterDevice(client, partial(FakeDevice, lost=1), "another board")
    with pytest.raises(DeviceLostError, match="no route to host"):
        device.measure(tuning_task(1).task, [], None)


def test_results_come_in_the_order_of_the_choices(client: distributed.Client) -> None:
    choices = [replace_knob(value) for value in range(8)]
    built = ClusterBuilder(client, FakeBuilder).build(tuning_task(1).task, choices)
    assert [one.choice for one in built] == choices


def replace_knob(value: int) -> Choice:
    return Choice.of("tiled", {**SPACES["tiled"].space.default, "a": value})


def test_no_cluster_is_one_clear_error() -> None:
    with pytest.raises(ClusterError, match="localhost:1"):
        connect("dask://localhost:1")
