"""The sample that Check Solver solves.

It is the same everywhere, seen by the detectors, and solved with nothing left on the disk.
"""

from __future__ import annotations

import builtins
import sys
import tempfile
from dataclasses import dataclass, field

import numpy as np
import pytest

from solver_core.service.check import check
from solver_core.service.sample import FRAMES, HEIGHT, WIDTH, sample_rig, sample_shot


@dataclass
class Told:
    """A listener that stops after some progress."""

    stop_after: int = 10**6
    stages: list[str] = field(default_factory=list)

    def progress(self, stage, done, total, fraction, seconds_left):
        self.stages.append(stage)

    def frame(self, result):
        raise AssertionError("the sample's frames are nobody's")

    def warning(self, message):
        raise AssertionError(message)

    def cancelled(self):
        return len(self.stages) >= self.stop_after


def test_the_sample_is_the_same_every_time_and_moves(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    shot, truth = sample_shot(tmp_path / "a")
    again, _ = sample_shot(tmp_path / "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == FRAMES == len(shot.frames)
    pictures = [(tmp_path / "a" / name).read_bytes() for name in files]
    assert pictures == [(tmp_path / "b" / name).read_bytes() for name in files]
    assert len(set(pictures)) == FRAMES
    np.testing.assert_array_equal(shot.rig.deltas, again.rig.deltas)
    pixels, depth = shot.cameras[0].project(shot.rig.world(truth))
    assert (depth > 0.5).all()
    assert (pixels > 0).all()
    assert (pixels < (WIDTH, HEIGHT)).all()


def test_the_samples_head_is_a_closed_surface_with_its_face_to_the_front():
    rig = sample_rig()
    edges = np.sort(np.concatenate([rig.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert set(uses) <= {1, 2}  # the rims at crown and chin are open
    corners = rig.neutral[rig.triangles].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("tx,tx->t", normals, corners.mean(1)) > 0).mean() > 0.99  # they look outwards
    assert np.abs(rig.deltas).max(axis=(1, 2)).min() > 0.005  # every key moves something by millimetres
    left, right = rig.deltas[2], rig.deltas[3]
    np.testing.assert_allclose(np.abs(left).sum(), np.abs(right).sum(), rtol=1e-5)


def test_the_check_solves_the_sample_says_its_time_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told = Told()
    lines, ok = check(told)
    assert ok, lines
    assert "s a frame" in lines[-1]
    assert "degrees" in lines[-1]
    assert any(line.startswith("Networks here: facemesh, attention, short_range") for line in lines)
    assert all(stage.startswith("test solve") for stage in told.stages)
    assert not list(tmp_path.iterdir())
    stopped, ok = check(Told(stop_after=3))
    assert stopped[-1] == "The test solve was stopped."
    assert ok
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("system", "remedy"), [("win32", "Visual C++ Redistributable"), ("linux", "solver again")])
def test_a_torch_that_cannot_load_its_libraries_is_said_with_a_remedy(monkeypatch, system, remedy):
    load = builtins.__import__

    def broken(name, *rest, **more):
        if name == "torch":
            raise OSError(126, "The specified module could not be found")
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", broken)
    monkeypatch.setattr(sys, "platform", system)
    lines, ok = check()
    assert not ok
    assert "The specified module could not be found" in lines[-1]
    assert remedy in lines[-1]
