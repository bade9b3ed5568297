"""What the overlays add to a redraw of a full-screen viewport: python -m benchmarks.overlay [--rig RIG.npz] [--size 1920x1080].

In a real Blender 3.4 window under Xvfb, where the processor draws (llvmpipe). Without --rig the head is the demo's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

import build_addon
from blender_tests.windowed import tell
from demo.window_pictures import write_head

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rig", type=Path)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--blender", default=os.environ.get("FACE_SOLVE_BLENDER_3_4") or shutil.which("blender"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        addon = build_addon.build(folder / "dist")[1]
        head, out, own = folder / "head.npz", folder / "times.json", folder / "blender"
        own.mkdir()
        write_rig(arguments.rig, head) if arguments.rig else write_head(head)
        size = tuple(map(int, arguments.size.split("x")))
        report = tell(arguments.blender, STORY, addon, own, own / "pictures", size, 900, {}, [head, out])
        if "finished" not in report:
            raise SystemExit(report.get("story", str(report)))
        results = json.loads(out.read_text())
    print(f"{results['vertices']} vertices, region {results['region'][0]} x {results['region'][1]}; milliseconds")
    print("| layers | redraw | of it Python | rebuilt | redraw on another frame | of it Python |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, case in results["cases"].items():
        still, frame = case["still"], case["frame"]
        print(
            f"| {name} | {still['all']:.2f} | {still['python']:.2f} | {'yes' if case['rebuilt'] else 'nothing'} "
            f"| {frame['all']:.1f} | {frame['python']:.1f} |"
        )


if __name__ == "__main__":
    main()
