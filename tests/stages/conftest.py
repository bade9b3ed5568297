"""A little shot for what works over several frames: infill and temporal refinement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little_shot import camera, changed, performance, write_shot

from solver_core.documents.shot import load_shot
from solver_core.solve import prepare_context

COUNT = 9


@pytest.fixture(scope="session")
def shot(tmp_path_factory, demo_rig):
    """A slow turn; the mouth opens in the gap and closes again, which no interpolation knows; a blink after it. The solve starts at the truth outside it."""
    truth = performance(demo_rig, 3 * COUNT)[np.arange(COUNT) + COUNT]
    truth.weights[:, demo_rig.names.index("jawOpen")] += 0.4 * np.exp(-((np.arange(COUNT) - 3.5) ** 2) / 2)
    for side in "LR":
        truth.weights[[6, 7], demo_rig.names.index(f"eyeBlink_{side}")] = 0.9
    folder = tmp_path_factory.mktemp("gap")
    made = write_shot(folder, demo_rig, truth, (camera("A", COUNT, (0.1, -0.95, 0.02), drift=0.003),))
    initial = {
        "rotation": truth.rotation.reshape(COUNT, 9).tolist(),
        "translation": truth.translation.tolist(),
        "weights": truth.weights.tolist(),
    }
    return replace(made, folder=changed(made, folder / "posed", initial=initial))


@pytest.fixture(scope="session")
def context(shot):
    """The face seen in every frame; nothing solved, nothing to fill yet."""
    return prepare_context(load_shot(shot.folder), lambda _done, _total: True)
