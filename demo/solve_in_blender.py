"""Runs inside Blender's Python.

Installs the add-on from its zip, solves the demo's shot through its operators, saves the scene.

    python -m demo.solve_in_blender ADDON.zip SCENE.blend SOLVED.blend TRACE.npz SHOT_DIR

The environment gives BLENDER_USER_RESOURCES (an empty folder: a clean Blender) and FACE_SOLVE_PYTHON (the solver's
interpreter).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
import numpy as np


def install(package: Path) -> None:
    """Installs the zip as an artist would, and enables it."""
    bpy.ops.wm.read_factory_settings()
    bpy.ops.extensions.package_install_files(
        filepath=str(package), repo="user_default", enable_on_install=True, overwrite=True
    )


def trace(scene: bpy.types.Scene, face: bpy.types.Object) -> dict[str, np.ndarray]:
    """The head on every frame as the timeline plays it, and the add-on's own error curve."""
    blocks = face.data.shape_keys.key_blocks[1:]
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    rotation, translation, weights = [], [], []
    for frame in frames:
        scene.frame_set(int(frame))
        world = np.array(face.matrix_world)
        rotation.append(world[:3, :3])
        translation.append(world[:3, 3])
        weights.append([block.value for block in blocks])
    results = {item.frame: item for item in scene.face_solve.results}
    errors = [results[f].error_px if f in results and results[f].error_px >= 0 else np.nan for f in frames.tolist()]
    return {
        "frames": frames,
        "rotation": np.array(rotation),
        "translation": np.array(translation),
        "weights": np.array(weights),
        "names": np.array([block.name for block in blocks]),
        "status": np.array([results[f].status if f in results else "missing" for f in frames.tolist()]),
        "error_px": np.array(errors),
    }


def solve(scene_file: Path, solved: Path, trace_file: Path, shot_folder: Path) -> None:
    """Solves the artist's scene through the add-on's operators.

    Leaves the solved scene, its trace, and the shot as it was handed over.
    """
    bpy.ops.wm.open_mainfile(filepath=str(scene_file))
    bpy.ops.face_solve.setup_from_scene()
    scene = bpy.context.scene
    bpy.ops.face_solve.export_shot(filepath=str(shot_folder))  # the pictures are made from it
    before = trace(scene, scene.face_solve.face)
    bpy.ops.face_solve.solve_shot()
    bpy.ops.wm.save_as_mainfile(filepath=str(solved), compress=True)
    after = trace(scene, scene.face_solve.face)
    np.savez_compressed(
        trace_file, **after, **{f"start_{k}": before[k] for k in ("rotation", "translation", "weights")}
    )


def main(package: Path, *paths: Path) -> None:
    install(package)
    solve(*paths)


if __name__ == "__main__":
    try:
        main(*(Path(p).resolve() for p in sys.argv[1:6]))
    except RuntimeError as problem:  # how an operator's reported error reaches a script
        print(f"FAILED {problem}", flush=True)
        sys.stdout.flush()
        os._exit(1)
    print("DONE", flush=True)
    os._exit(0)  # nothing is left to do, and Blender takes its time to close
