"""Makes the pictures of docs/tutorial.md: `python -m blender_tests.pictures.tutorial`.

The real solver works for minutes.

Needs Debian's Blender 3.4 and xvfb. A real Blender window, without a screen, goes through the tutorial on the demo's
shot (tutorial_inside.py); its pictures are cut to the part that matters and written to docs/images. Look at each before
keeping it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import cv2

from blender_tests.windowed import tell
from build_addon import build
from demo.run import SCENE

ROOT = Path(__file__).resolve().parents[2]
STORY = Path(__file__).resolve().with_name("tutorial_inside.py")
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 860  # of the window, pixels
LEFT, RIGHT, TOP, BOTTOM = 0, 1056, 28, 776  # the viewport in it
LARGEST = 100_000  # bytes
PATIENCE = 3600  # seconds for the whole story


def keep(picture: Path) -> None:
    """Cut a picture to the viewport, where it shows the whole window, and write it as small as it has to be."""
    image = cv2.imread(str(picture))
    if image.shape[1] == WIDTH:
        image = image[TOP:BOTTOM, LEFT:RIGHT]
    for quality in range(90, 40, -10):
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) < LARGEST:
            break
    (IMAGES / f"{picture.stem}.jpg").write_bytes(data.tobytes())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = build(folder / "dist")[1]
        environment = {"FACE_SOLVE_PYTHON": sys.executable, "FACE_SOLVE_SCENE": str(SCENE)}
        blender = os.environ.get("FACE_SOLVE_BLENDER_3_4") or shutil.which("blender")
        report = tell(blender, STORY, package, folder, folder / "pictures", (WIDTH, HEIGHT), PATIENCE, environment)
        wrong = {step: trace for step, trace in report.items() if trace}
        if wrong:
            raise SystemExit("\n".join(f"{step}: {trace}" for step, trace in wrong.items()))
        for picture in sorted((folder / "pictures").glob("*.png")):
            keep(picture)


if __name__ == "__main__":
    main()
