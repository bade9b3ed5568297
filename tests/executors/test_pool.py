"""The pool of processes: results, constants, deaths, errors, and that a solve is the same however many there are."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import work
from little_shot import START, changed

from solver_core.common.errors import FaceSolveError
from solver_core.documents.solution import load_solution
from solver_core.executors import choice
from solver_core.executors.executor import HERE, in_order
from solver_core.executors.pool import Pool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pool():
    with contextlib.closing(Pool(3)) as made:
        yield made


@pytest.mark.parametrize("count", [2, 3, 20])
def test_every_block_is_done_once_and_arrays_are_what_they_were(pool, count):
    values = np.arange(30_000 * count, dtype=np.float64).reshape(count, -1)  # beside the pickle
    found = in_order(pool.map(work.scaled, range(count), values, 2.0))
    np.testing.assert_array_equal([row for row, _ in found], 2 * values)
    assert {who for _, who in found} <= set(pool.pids)


def test_more_workers_than_blocks_and_one_block(pool):
    assert in_order(pool.map(work.scaled, [0], np.ones(1), 3.0)) == [(3.0, os.getpid())]
    assert list(pool.map(work.scaled, [], np.ones(1), 3.0)) == []


def test_a_constant_travels_once_and_keeps_what_it_keeps(pool):
    sent, told = work.Keeper([1.0]), work.Keeper(range(5))
    pool.constant(sent)
    pool.constant(told, work.made, 5)
    for constant in (sent, told):
        rounds = [in_order(pool.map(work.is_same, range(6), constant)) for _ in range(2)]
        assert all(back is constant for found in rounds for _, back in found)
        assert constant.kept == []  # what workers keep is their own
        assert sum(count == 1 for found in rounds for count, _ in found) <= 3  # each has kept it since its first block


def test_a_worker_that_dies_costs_its_block_alone(pool, tmp_path):
    before = set(pool.pids)
    assert in_order(pool.map(work.dies_once, range(6), str(tmp_path))) == list(range(6))
    assert len(before - set(pool.pids)) == 1
    assert in_order(pool.map(work.dies_once, range(6), str(tmp_path))) == list(range(6))


def test_work_that_kills_every_worker_is_an_error_with_a_remedy(pool):
    with pytest.raises(FaceSolveError, match="out of memory"):
        list(pool.map(work.dies, [1, 2, 3]))


def test_errors_come_back_in_the_artist_s_words(pool):
    for blocks, message in (([1, 3], "Frame 3 is torn."), ([1, 4], "Never.")):
        with pytest.raises(FaceSolveError) as caught:
            list(pool.map(work.refuses, blocks))
        assert (caught.value.message, caught.value.remedy != "") == (message, True)
    assert in_order(pool.map(work.refuses, [1, 2])) == [1, 2]


def test_who_stops_listening_stops_the_work(pool, tmp_path):
    results = pool.map(work.slow, range(60), str(tmp_path))
    next(results)
    results.close()
    time.sleep(0.3)
    done = len(list(tmp_path.iterdir()))
    assert done < 20
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) == done


def test_nothing_is_left_of_a_pool(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pool = Pool(2)
    list(pool.map(work.scaled, range(4), np.ones(4), 1.0))
    pids = pool.pids
    pool.close()
    assert list(tmp_path.iterdir()) == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_few_frames_stay_here_and_memory_bounds_the_workers(monkeypatch):
    assert choice.on_this_machine(choice.FEW - 1) is HERE
    assert choice.on_this_machine(5, workers=8) is HERE
    assert choice.on_this_machine(500, device="cuda") is HERE
    monkeypatch.setattr("solver_core.executors.machine.cores", lambda: 32)
    for free, count in ((2 * 2**30, 1), (8 * 2**30, 7), (256 * 2**30, 32), (None, 32)):
        monkeypatch.setattr("solver_core.executors.machine.free_bytes", lambda free=free: free)
        assert choice.workers_that_fit() == count


def test_a_solve_is_the_same_to_the_bit_with_one_worker_and_with_two(shot, tmp_path):
    """Every kind of step: landmarks, rounds with skin and bundle, lids, infill, refinement."""
    stages = tmp_path / "stages.toml"
    observers = "observers = { landmarks = 10.0, flow = 400.0 }"
    steps = (
        'kind = "fit"\niterations = 10',
        f'kind = "deep"\nrounds = 1\nkeys = ["*"]\nsparse = true\nskin = true\nbundle = true\n{observers}',
        'kind = "scan"\nkeys = ["eyelids"]',
        'kind = "fill"\nrounds = 1\nkeys = ["*"]',
        'kind = "refine"\nsweeps = 20\nkeys = ["*"]',
    )
    stages.write_text('[[stage]]\nname = "all"\n' + "\n".join(f"[[stage.step]]\n{step}" for step in steps))
    document = json.loads((shot.folder / "shot.json").read_text())
    filled = changed(
        shot,
        tmp_path / "shot",
        rig=document["rig"],
        settings=document["settings"] | {"refinement": 0.5},
        infill_ranges=[{"frame_start": START + 3, "frame_end": START + 4}],
    )
    found = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}.npz"
        command = [sys.executable, "-m", "solver_core", "solve", filled, "--out", out, "--stage-file", stages]
        said = subprocess.run(
            [*command, "--workers", str(workers)], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
        assert ("2 workers, each with at most" in said) == (workers == 2)
        found.append(load_solution(out))
    one, two = found
    assert one.status == two.status
    for name in ("rotation", "translation", "weights"):
        np.testing.assert_array_equal(getattr(one.pose, name), getattr(two.pose, name))
    np.testing.assert_array_equal(one.error_px, two.error_px)
