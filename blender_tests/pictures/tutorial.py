"""Makes the pictures of docs/tutorial.md: `python -m blender_tests.pictures.tutorial` (needs Debian's Blender 3.4 and xvfb; the real solver works for minutes).

A real Blender window, without a screen, goes through the tutorial on the demo's shot (tutorial_inside.py); its pictures are cut to
the part that matters and written to docs/images. Look at each before keeping it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import cv2

from build_addon import build

ROOT = Path(__file__).resolve().parents[2]
STORY = Path(__file__).resolve().with_name("tutorial_inside.py")
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 860  # of the window, pixels
LEFT, RIGHT, TOP, BOTTOM = 0, 1056, 28, 776  # the viewport in it
LARGEST = 100_000  # bytes


def make_scene(scene: Path) -> None:
    """Write the artist's scene with Blender 3.4, which has no NumPy of its own: it takes this environment's."""
    paths = [str(ROOT), sysconfig.get_path("purelib")]
    code = f"import sys; sys.path += {paths!r}; from pathlib import Path; from demo.shot import artists_scene; artists_scene(Path({str(scene)!r}))"
    subprocess.run(["blender", "-b", "--factory-startup", "--python-exit-code", "9", "--python-expr", code], check=True)


def tell(scene: Path, pictures: Path, folder: Path) -> None:
    """Run the story in a window, and fail where it did."""
    report = folder / "report.json"
    screen = ["xvfb-run", "-a", "-s", f"-screen 0 {WIDTH}x{HEIGHT}x24 +extension GLX"]
    window = [
        "blender",
        "--factory-startup",
        "--enable-event-simulate",
        "--window-geometry",
        "0",
        "0",
        str(WIDTH),
        str(HEIGHT),
    ]
    package = build(folder / "dist")[1]
    environment = {
        **os.environ,
        "FACE_SOLVE_PYTHON": sys.executable,
        "FACE_SOLVE_PICTURES": str(pictures),
        "FACE_SOLVE_SCENE": str(scene),
        "BLENDER_USER_SCRIPTS": str(folder / "scripts"),
        "BLENDER_USER_CONFIG": str(folder / "config"),
        "XDG_DATA_HOME": str(folder / "data"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    subprocess.run(
        [*screen, *window, "--python", str(STORY), "--", str(package), str(folder), str(report)],
        env=environment,
        cwd=ROOT,
        check=True,
    )
    wrong = {step: trace for step, trace in json.loads(report.read_text()).items() if trace}
    if wrong:
        raise SystemExit("\n".join(f"{step}: {trace}" for step, trace in wrong.items()))


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
        pictures = folder / "pictures"
        pictures.mkdir()
        make_scene(folder / "shot.blend")
        tell(folder / "shot.blend", pictures, folder)
        for picture in sorted(pictures.glob("*.png")):
            keep(picture)


if __name__ == "__main__":
    main()
