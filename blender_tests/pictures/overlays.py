"""The documents' pictures of the tool at work, of the demo's solved shot.

Usage: python -m blender_tests.pictures.overlays SHOT_DIR --out DIR

SHOT_DIR holds shot.json, SOLUTION.npz and SOLUTION.overlay.npz of the demo's shot (`make demo` leaves it below
demo/out/face_solve). Needs Blender 3.4 and Xvfb.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import build_addon
from blender_tests.windowed import tell
from demo.head import build

ROOT = Path(__file__).resolve().parents[2]
STORY = Path(__file__).resolve().with_name("overlays_inside.py")


def write_head(path: Path) -> None:
    """The demo's head for blender_tests/inside/head_scene.py."""
    head = build()
    np.savez(
        path,
        neutral=head.vertices.astype(np.float32),
        names=np.array(head.names),
        deltas=np.asarray(head.deltas, np.float32),
        corners=np.concatenate([np.asarray(face, np.int32) for face in head.faces]),
        sizes=np.array([len(face) for face in head.faces], np.int32),
    )


def main() -> None:
    """Takes them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("shot", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--blender", default=os.environ.get("FACE_SOLVE_BLENDER_3_4") or shutil.which("blender"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        addon = build_addon.build(folder / "dist")[1]
        write_head(folder / "head.npz")
        given = [arguments.shot.resolve(), folder / "head.npz", ROOT / "demo" / "shot" / "plates"]
        for size, environment in (((560, 420), {"FACE_SOLVE_SMALL": "1"}), ((1280, 800), {})):
            own = folder / f"{size[0]}"
            own.mkdir()
            environment["FACE_SOLVE_PYTHON"] = sys.executable
            report = tell(arguments.blender, STORY, addon, own, folder / "pictures", size, 300, environment, given)
            if "finished" not in report:
                raise SystemExit(report.get("story", str(report)))
        arguments.out.mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / "pictures").glob("*.png")):
            cv2.imwrite(str(arguments.out / f"{path.stem}.jpg"), cv2.imread(str(path)), [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main()
