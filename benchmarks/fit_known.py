"""Fits a stock rig to the actors of rendered shots, whose true shape is known.

Solves with the stock, the fitted and the actor's own rig.

usage: python -m benchmarks.fit_known [--shared ../shared] [--only talk] [--every 6] [--lens 1.0]

The shot folders are exported from the scenes by the built add-on in Blender 4.5; the actor's rig in them is replaced by
the stock rig, which has the same vertices. No rig has colours. Printed, over every n-th frame:
  shape mm   mean distance of the front of the neutral face from the actor's, rigidly aligned
  vertex mm  median over the frames of the mean distance in the world of the solved front of the face from the true one
  screen px  the same in the picture
--lens multiplies the focal lengths that the scene has by this factor, and asks the fit for them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.stock_rig import ROOT, fitted_shot, write_rig
from solver_core import fit_rig
from solver_core.documents.shot import Shot, load_shot
from solver_core.face.pose import Pose
from solver_core.face.rig import Rig
from solver_core.service.listener import Silent
from solver_core.solve import solve

FRONT = slice(6706)  # the rig's first vertices are the front of the face
EXPORT = """
import os, sys, tempfile
package, scene, out = sys.argv[1:]
os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp()
import bpy
bpy.ops.wm.read_factory_settings()
bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True, overwrite=True)
bpy.ops.wm.open_mainfile(filepath=scene)
bpy.ops.face_solve.setup_from_scene()
for item in bpy.context.scene.face_solve.cameras: item.enabled = item.camera.name == "A"
bpy.ops.face_solve.export_shot(filepath=out)
sys.stdout.flush(); os._exit(0)
"""


def export(shared: Path, name: str, folder: Path) -> Shot:
    """The shot as an artist would start it, with the actor's own rig without colours."""
    subprocess.run([sys.executable, ROOT / "build_addon.py"], check=True, capture_output=True)
    package = next(p for p in (ROOT / "dist").glob("face_solve-*.zip") if "legacy" not in p.name)
    blender = ROOT / ".venv-bpy-4.5" / "bin" / "python"
    subprocess.run(
        [blender, "-c", EXPORT, package, (shared / "shots" / name / "scene.blend").resolve(), folder],
        check=True,
        capture_output=True,
    )
    shot = load_shot(folder)
    return replace(shot, rig=replace(shot.rig, colors=None))


def with_stock_rig(shot: Shot, stock: Rig, lens: float) -> Shot:
    """The same shot with the stock rig at rest, and other lenses."""
    weights = np.zeros((len(shot.frames), len(stock.names)))
    initial = Pose(shot.initial.rotation, shot.initial.translation, weights)
    return replace(shot, rig=stock, initial=initial, cameras=tuple(camera.zoomed(lens) for camera in shot.cameras))


def aligned(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """[n,3] points turned and moved onto others as well as can be (Kabsch 1976)."""
    middle, goal = points.mean(0), onto.mean(0)
    u, _, vt = np.linalg.svd((points - middle).T @ (onto - goal))
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return (points - middle) @ turn + goal


def score(label: str, shot: Shot, actor: Shot, truth: dict[str, np.ndarray], every: int) -> None:
    """Solve every n-th frame and print a row."""
    neutral = shot.rig.as_actor(shot.initial.weights[0]).neutral[FRONT].astype(float)
    own = actor.rig.neutral[FRONT].astype(float)
    shape = 1e3 * np.linalg.norm(aligned(neutral, own) - own, axis=1).mean()
    kept = np.arange(0, len(shot.frames), every)
    started = time.perf_counter()
    solution = solve(shot.at(kept), Silent())
    seconds = (time.perf_counter() - started) / len(kept)
    rows = np.flatnonzero(np.isin(truth["frames"], shot.frames[kept]))
    weights = truth["weights"][rows][:, [list(truth["names"]).index(name) for name in actor.rig.names]]
    true = actor.rig.world(Pose(truth["rotation"][rows], truth["translation"][rows], weights))[:, FRONT]
    found = shot.rig.world(solution.pose)[:, FRONT]
    apart = 1e3 * np.linalg.norm(found - true, axis=2).mean(1)
    seen, shown = shot.cameras[0].at(kept).project(found)[0], actor.cameras[0].at(kept).project(true)[0]
    pixels = np.linalg.norm(seen - shown, axis=2).mean(1)
    print(f"| {label} | {shape:.2f} | {np.median(apart):.1f} | {np.median(pixels):.2f} | {seconds:.1f} |", flush=True)


def main() -> None:
    """Print a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", help="one shot")
    parser.add_argument("--every", type=int, default=6, help="solve every n-th frame")
    parser.add_argument("--lens", type=float, default=1.0)
    parser.add_argument(
        "--rounds", type=int, default=fit_rig.ROUNDS, help="rounds with render and flow; 0: landmarks alone"
    )
    parser.add_argument("--hold", type=float, default=fit_rig.HOLD_LANDMARKS, help="how hard landmarks' shape is held")
    arguments = parser.parse_args()
    fit_rig.ROUNDS, fit_rig.HOLD_LANDMARKS = arguments.rounds, arguments.hold
    print("| rig | shape mm | vertex mm | screen px | s a frame |")
    for name in ("talk", "dressed"):
        if arguments.only not in {None, name}:
            continue
        truth = dict(np.load(arguments.shared / "shots" / name / "truth.npz"))
        with tempfile.TemporaryDirectory() as scratch:
            actor = export(arguments.shared, name, Path(scratch) / "shot")
            stock = with_stock_rig(
                actor,
                write_rig(Path(scratch) / "stock.npz", np.load(arguments.shared / "rigs" / "ict_face.npz")),
                arguments.lens,
            )
            score(f"{name}, stock", stock, actor, truth, arguments.every)
            started = time.perf_counter()
            fitted = fit_rig.fit_rig(stock, Silent(), focal=arguments.lens != 1)
            said = (
                f"fitted in {time.perf_counter() - started:.0f} s on {len(fitted.frames)} frames, "
                f"focal length times {fitted.focal[0]:.3f}"
            )
            score(f"{name}, {said}", fitted_shot(stock, fitted), actor, truth, arguments.every)
            score(f"{name}, the actor's own", actor, actor, truth, arguments.every)


if __name__ == "__main__":
    main()
