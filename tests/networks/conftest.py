"""Fixtures: the networks, loaded once, and a painted face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from painted_face import painted_face

from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.short_range import ShortRangeDetector

SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session")
def network() -> FaceMesh:
    return FaceMesh()


@pytest.fixture(scope="session")
def detector() -> ShortRangeDetector:
    return ShortRangeDetector()


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    return painted_face()


@pytest.fixture(scope="session")
def plate() -> np.ndarray:
    """A rendered plate [540, 720, 3], RGB float32 from 0 to 1."""
    file = SHARED / "shots" / "dressed" / "plates" / "A" / "1005.jpg"
    if not file.exists():
        pytest.skip("../shared/shots is not on this machine")
    return cv2.imread(str(file))[..., ::-1].astype(np.float32) / 255
