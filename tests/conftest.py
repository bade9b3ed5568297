"""Fixtures for every test: the given data outside the repository, the demo's head and a little shot of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of given shots beside the repository; absent, the test is skipped, or fails where FACE_SOLVE_CI=1."""
    folder = ROOT.parent / "shared"
    if not (folder / "shots").is_dir():
        reason = "needs the given shots in ../shared"
        if os.environ.get("FACE_SOLVE_CI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def demo_rig():
    """The demo's head as the solver reads it."""
    from little_shot import demo_rig

    return demo_rig()


@pytest.fixture(scope="session")
def facemesh():
    """The landmark network."""
    from solver_core.networks.facemesh import FaceMesh

    return FaceMesh()


@pytest.fixture(scope="session")
def face_detector():
    """The face detector."""
    from solver_core.networks.short_range import ShortRangeDetector

    return ShortRangeDetector()


@pytest.fixture(scope="session")
def little_shot(tmp_path_factory, demo_rig):
    """Five frames from one camera; nobody is in the fourth plate."""
    from little_shot import camera, performance, write_shot

    count = 5
    folder = tmp_path_factory.mktemp("little")
    return write_shot(
        folder, demo_rig, performance(demo_rig, count), (camera("A", count, (0.1, -0.95, 0.02)),), faceless=(3,)
    )
