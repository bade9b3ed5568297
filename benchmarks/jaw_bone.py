"""A mouth opened by a bone, filmed here: solved with the bone and all keys, and with the keys alone.

    python -m benchmarks.jaw_bone [FRAMES]

The demo's head, one camera, the mouth opened up to 14 degrees and swung to a side by a jaw bone that carries what the
key jawForward carries, smile and brows by their keys. Medians over the frames, then the largest.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from little_shot import camera, demo_rig, jaw_performance, with_jaw_bone, write_rig, write_shot

from solver_core.report.compare import Face, measure
from solver_core.service.listener import Silent
from solver_core.solve import solve_folder


def main(count: int) -> None:
    """Film, solve both ways, print the table."""
    rig = with_jaw_bone(demo_rig())
    truth = jaw_performance(rig, count)
    jaw, keys = Face(rig, rig.joints["jaw"].weight > 0.5), [i for i, group in enumerate(rig.groups) if group == "jaw"]
    print(
        "| solved with | jaw bone deg | head deg | jaw's shape mm | jaw's keys, largest |\n"
        "| --- | --- | --- | --- | --- |"
    )
    with tempfile.TemporaryDirectory() as folder:
        shot = write_shot(Path(folder) / "shot", rig, truth, (camera("A", count, (0.1, -0.95, 0.02)),))
        for name, solved in (("bone and keys", rig), ("keys alone", replace(rig, joints={}))):
            write_rig(shot.folder, solved)
            pose = solve_folder(shot.folder, Path(folder) / "out.npz", Silent()).pose
            found = measure(pose, truth, jaw, None)
            bone = "-"
            if pose.joints:
                turn = pose.joints["jaw"].rotation @ truth.joints["jaw"].rotation.swapaxes(1, 2)
                bone = _both(np.degrees(Rotation.from_matrix(turn).magnitude()))
            columns = bone, _both(found["rotation_deg"]), _both(found["shape_mm"]), f"{pose.weights[:, keys].max():.2f}"
            print(f"| {name} | {' | '.join(columns)} |", flush=True)


def _both(values: np.ndarray) -> str:
    return f"{np.median(values):.2f}, {values.max():.2f}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6)
