"""A real Dask scheduler and its workers as processes of this machine: results, deaths, versions, paths."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import work

from solver_core.common.errors import FaceSolveError
from solver_core.executors.cluster import Cluster, Site
from solver_core.executors.executor import in_order

ROOT = Path(__file__).resolve().parents[2]
QUIET = ["--no-dashboard"]
OLDER = "import solver_core\nsolver_core.__version__ = '0.0.9'\n"


class Farm:
    """A scheduler, and workers that can be added and killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file, self.processes = folder, folder / "scheduler.json", []
        self.scheduler = self._start("distributed.cli.dask_scheduler", "--port", "0")
        while not self.file.exists() or not self.file.stat().st_size:
            time.sleep(0.05)

    def worker(self, *path: Path) -> subprocess.Popen:
        return self._start(
            "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--death-timeout", "30", path=path
        )

    def _start(self, module: str, *options: str, path: tuple[Path, ...] = ()) -> subprocess.Popen:
        command = [sys.executable, "-m", module, "--scheduler-file", self.file, *QUIET, *options]
        places = os.pathsep.join(map(str, (*path, ROOT, Path(__file__).parent)))
        with (self.folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, "PYTHONPATH": places}, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    @property
    def address(self) -> str:
        import json

        return json.loads(self.file.read_text())["address"]

    def wait(self, count: int) -> None:
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def farm(tmp_path):
    with contextlib.closing(Farm(tmp_path)) as made:
        yield made


def opened(farm, said, site=None):
    return contextlib.closing(Cluster(farm.address, site or Site(), said.append))


def test_a_cluster_does_blocks_and_loses_workers_and_its_scheduler(farm, tmp_path):
    """Whatever is lost costs what was in hand, and is said by name; at last this process goes on."""
    workers = [farm.worker() for _ in range(3)]
    farm.wait(3)
    said = []
    values = np.arange(200_000.0).reshape(10, -1)
    with opened(farm, said) as cluster:
        assert cluster.workers == 3
        keeper = work.Keeper([1.0])
        cluster.constant(keeper)
        found = in_order(cluster.map(work.scaled, range(10), values, 2.0))
        np.testing.assert_array_equal([row for row, _ in found], 2 * values)
        assert {who for _, who in found} <= {worker.pid for worker in workers}
        assert all(back is keeper for _, back in in_order(cluster.map(work.is_same, range(6), keeper)))
        with pytest.raises(FaceSolveError, match="Frame 3 is torn"):
            list(cluster.map(work.refuses, [1, 3]))
        for killed in workers[:2]:
            results = cluster.map(work.slow, range(40), str(tmp_path))
            got = [next(results)]
            killed.kill()
            got += results
            assert in_order(got) == list(range(40))
        assert sum("is lost" in sentence for sentence in said) == 2, said
        results = cluster.map(work.slow, range(40), str(tmp_path))
        got = [next(results)]
        farm.scheduler.kill()
        got += results
        assert in_order(got) == list(range(40))
        assert "goes on on this machine" in said[-1]
        assert in_order(cluster.map(work.scaled, [0, 1], np.ones(2), 1.0))[0] == (1.0, os.getpid())


def test_workers_of_another_version_or_without_the_footage_are_refused_by_name(farm, tmp_path):
    (tmp_path / "older").mkdir()
    (tmp_path / "older" / "sitecustomize.py").write_text(OLDER)
    farm.worker(tmp_path / "older")
    farm.wait(1)
    with pytest.raises(FaceSolveError, match=r"tcp://.* has version 0\.0\.9 of the solver"):
        Cluster(farm.address, Site(), [].append)
    farm.worker()
    farm.wait(2)
    said = []
    elsewhere = Site(("Z:/nowhere/plate.0001.png",), (("Z:/nowhere", str(tmp_path)),))
    with opened(farm, said, elsewhere) as cluster:
        assert cluster.workers == 1
        assert in_order(cluster.map(work.refuses, [1, 2])) == [1, 2]
    assert len(said) == 1
    with pytest.raises(FaceSolveError, match=r"does not see the footage Z:/nowhere/plate\.0001\.png"):
        Cluster(farm.address, Site(elsewhere.plates), [].append)


def test_a_cluster_that_does_not_answer_or_is_empty_is_refused(farm, monkeypatch):
    monkeypatch.setattr("solver_core.executors.cluster.CONNECT", 0.5)
    with pytest.raises(FaceSolveError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        Cluster("tcp://127.0.0.1:1", Site(), [].append)
    with pytest.raises(FaceSolveError, match="has no worker"):
        Cluster(farm.address, Site(), [].append)
