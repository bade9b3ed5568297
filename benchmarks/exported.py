"""Shots with known answers of the shared folder as shot folders: exported by the built add-on in Blender 4.5."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from solver_core.documents.shot import Shot, load_shot
from solver_core.report.compare import Truth, load_truth

ROOT = Path(__file__).resolve().parents[1]
BLENDER = ROOT / ".venv-bpy-4.5" / "bin" / "python"
EXPORT = """
import os, sys
import bpy
package, scene, folder, cameras = sys.argv[1:]
bpy.ops.wm.read_factory_settings()
bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True, overwrite=True)
bpy.ops.wm.open_mainfile(filepath=scene)
bpy.ops.face_solve.setup_from_scene()
for item in bpy.context.scene.face_solve.cameras:
    item.enabled = item.camera.name in cameras.split(",")
bpy.ops.face_solve.export_shot(filepath=folder)
sys.stdout.flush()
os._exit(0)
"""


def exported(shared: Path, name: str, scratch: Path, every: int = 1, camera: str = "A") -> tuple[Shot, Truth]:
    """Every n-th frame of a shot of the shared folder, with its answer; the plates stay where they are.

    `camera` may name several, as in "A,B". A shot that is in the scratch folder already is not exported again.
    """
    folder = scratch / name
    if not (folder / "shot.json").exists():
        subprocess.run([sys.executable, ROOT / "build_addon.py"], check=True, capture_output=True)
        package = next(path for path in (ROOT / "dist").glob("face_solve-*.zip") if "legacy" not in path.name)
        source = shared.resolve() / "shots" / name
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(scratch / "blender")}
        done = subprocess.run(
            [BLENDER, "-c", EXPORT, package, source / "scene.blend", folder, camera],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not (folder / "shot.json").exists():
            sys.exit(f"{name} could not be exported:\n{(done.stdout + done.stderr)[-2000:]}")
    document = json.loads((folder / "shot.json").read_text())
    shot = load_shot(folder).at(np.arange(0, len(document["frames"]), every))
    return shot, load_truth(shared / "shots" / name / "truth.npz")
