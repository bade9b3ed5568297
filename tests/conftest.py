"""Fixtures for every test: the given data outside the repository."""

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
