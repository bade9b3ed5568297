"""Fixtures for every test: the given data outside the repository, the demo's head and a little shot of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
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


MOVING = 9  # frames


@pytest.fixture(scope="session")
def shot(tmp_path_factory, demo_rig):
    """Nine frames of a slow turn, for what works over several.

    The mouth opens in the gap and closes again, which no interpolation knows; a blink comes after it. The solve starts
    at the truth outside the gap.
    """
    from little_shot import camera, changed, performance, write_shot

    truth = performance(demo_rig, 3 * MOVING)[np.arange(MOVING) + MOVING]
    truth.weights[:, demo_rig.names.index("jawOpen")] += 0.4 * np.exp(-((np.arange(MOVING) - 3.5) ** 2) / 2)
    for side in "LR":
        truth.weights[[6, 7], demo_rig.names.index(f"eyeBlink_{side}")] = 0.9
    folder = tmp_path_factory.mktemp("gap")
    made = write_shot(folder, demo_rig, truth, (camera("A", MOVING, (0.1, -0.95, 0.02), drift=0.003),))
    initial = {
        "rotation": truth.rotation.reshape(MOVING, 9).tolist(),
        "translation": truth.translation.tolist(),
        "weights": truth.weights.tolist(),
    }
    return replace(made, folder=changed(made, folder / "posed", initial=initial))


@pytest.fixture(scope="session")
def context(shot):
    """The face seen in every frame; nothing solved, nothing to fill yet."""
    from solver_core.documents.shot import load_shot
    from solver_core.solve import prepare_context

    return prepare_context(load_shot(shot.folder), lambda _done, _total: True)
