"""What the overlays add to a redraw of a full-screen viewport.

Usage: python -m benchmarks.overlay [--rig RIG.npz] [--size 1920x1080]

In a real Blender 3.4 window under Xvfb, where the processor draws (llvmpipe), and once more with a driver that draws
nothing (Mesa's GALLIUM_NOOP): what that takes is the add-on's own part, which remains on a desktop's graphics card.
Without --rig the head is the demo's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import build_addon
from blender_tests.pictures.overlays import write_head
from blender_tests.windowed import tell

STORY = Path(__file__).resolve().with_name("overlay_in_blender.py")


def write_rig(rig: Path, path: Path) -> None:
    """A rig file with polygons (`benchmarks.renderer` reads the same) for blender_tests/inside/head_scene.py."""
    with np.load(rig) as arrays:
        np.savez(
            path,
            neutral=arrays["neutral"].astype(np.float32),
            names=arrays["expression_names"],
            deltas=arrays["expression_deltas"].astype(np.float32),
            corners=arrays["poly_vertices"].astype(np.int32),
            sizes=arrays["poly_sizes"].astype(np.int32),
        )


def measure(
    blender: str, addon: Path, folder: Path, size: tuple[int, int], head: Path, environment: dict[str, str]
) -> dict[str, Any]:
    """The times of one Blender: the number of vertices, the region's size, and milliseconds by case."""
    folder.mkdir()
    out = folder / "times.json"
    report = tell(blender, STORY, addon, folder, folder / "pictures", size, 900, environment, [head, out])
    if "finished" not in report:
        raise SystemExit(report.get("story", str(report)))
    return json.loads(out.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rig", type=Path)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--blender", default=os.environ.get("FACE_SOLVE_BLENDER_3_4") or shutil.which("blender"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        addon = build_addon.build(folder / "dist")[1]
        head = folder / "head.npz"
        write_rig(arguments.rig, head) if arguments.rig else write_head(head)
        size = tuple(map(int, arguments.size.split("x")))
        drawn, dropped = (
            measure(arguments.blender, addon, folder / name, size, head, environment)
            for name, environment in (("drawn", {}), ("dropped", {"GALLIUM_NOOP": "1"}))
        )
    print(f"{drawn['vertices']} vertices, region {drawn['region'][0]} x {drawn['region'][1]}; milliseconds")
    print("| layers | redraw | of it the add-on | rebuilt | redraw on another frame | of it the add-on |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, case in drawn["cases"].items():
        own = dropped["cases"][name]
        print(
            f"| {name} | {case['still']:.2f} | {own['still']:.2f} | {'yes' if case['rebuilt'] else 'nothing'} "
            f"| {case['frame']:.1f} | {own['frame']:.1f} |"
        )


if __name__ == "__main__":
    main()
