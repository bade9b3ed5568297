"""Runs a story in a real Blender window on a screen that nobody sees (Xvfb, drawn by the processor)."""

import json
import os
import subprocess
from pathlib import Path


def tell(blender, story, addon, folder, pictures, size, timeout, environment=(), arguments=()):
    """Run a script inside Blender and answer with the report that it wrote.

    Args:
        blender: the program.
        story: the script (blender_tests/inside/window_tools.py).
        addon: the zip that it installs.
        folder: an empty folder of its own.
        pictures: where its pictures go; made where missing.
        size: of window and screen, pixels.
        timeout: seconds.
        environment: more environment variables.
        arguments: more arguments of the script.

    Raises:
        RuntimeError: where Blender ended without a report, with the end of what it printed.
    """
    pictures, report = Path(pictures), Path(folder) / "report.json"
    pictures.mkdir(parents=True, exist_ok=True)
    width, height = map(str, size)
    screen = ["xvfb-run", "-a", "-s", f"-screen 0 {width}x{height}x24 +extension GLX"]
    window = ["--factory-startup", "--enable-event-simulate", "--window-geometry", "0", "0", width, height]
    script = ["--python-exit-code", "9", "--python", str(story), "--", str(addon), str(folder), str(report)]
    done = subprocess.run(
        [*screen, blender, *window, *script, *map(str, arguments)],
        env={
            **os.environ,
            "FACE_SOLVE_PICTURES": str(pictures),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "BLENDER_USER_SCRIPTS": str(folder / "user" / "scripts"),
            "BLENDER_USER_CONFIG": str(folder / "user" / "config"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            **dict(environment),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    (folder / "blender.log").write_text(done.stdout + done.stderr)
    if not report.exists():
        raise RuntimeError(f"Blender ended without a report:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return json.loads(report.read_text())
