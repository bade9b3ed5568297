"""Solves the shots with known answers through the add-on in Blender 4.5 and prints the scores as one table.

usage: python -m benchmarks.shots [--shared ../shared] [--only NAME,NAME] [--keep DIR]

Each row is `tools/solve_and_score.py` and then `tools/score_scene.py` of the shared folder: the built zip is installed
into a clean Blender, the shot is solved by its operators, the saved scene is scored as an artist's timeline would play
it. Rows marked "no render" stop after the stages that use no render (static correspondences).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLENDER = ROOT / ".venv-bpy-4.5" / "bin" / "python"
MEASURES = ["rotation_deg", "lateral_mm", "depth_mm", "vertex_mm", "shape_mm", "weight_mae"]
REFINED = ["--refinement", "0.5"]
STATIC = ["--do", "rigid_alignment,expression"]
# name: (shot, options of solve_and_score.py)
RUNS = {
    "talk": ("talk", []),
    "talk, grey": ("talk", ["--grey"]),
    "talk, grey, 1025 posed and locked": ("talk", ["--grey", "--pin", "1025"]),
    "talk, two cameras": ("talk", ["--cameras", "A,B"]),
    "talk, two cameras, grey": ("talk", ["--cameras", "A,B", "--grey"]),
    "dressed": ("dressed", []),
    "dressed, grey": ("dressed", ["--grey"]),
    "occluded": ("occluded", []),
    "occluded, grey": ("occluded", ["--grey"]),
    "talk, refined": ("talk", REFINED),
    "talk, refined, grey": ("talk", [*REFINED, "--grey"]),
    "dressed, refined": ("dressed", REFINED),
    "dressed, refined, grey": ("dressed", [*REFINED, "--grey"]),
    "talk, no render": ("talk", STATIC),
    "talk, no render, grey": ("talk", [*STATIC, "--grey"]),
    "talk, two cameras, no render": ("talk", [*STATIC, "--cameras", "A,B"]),
    "talk, two cameras, no render, grey": ("talk", [*STATIC, "--cameras", "A,B", "--grey"]),
    "dressed, no render": ("dressed", STATIC),
    "dressed, no render, grey": ("dressed", [*STATIC, "--grey"]),
    "occluded, no render": ("occluded", STATIC),
    "occluded, no render, grey": ("occluded", [*STATIC, "--grey"]),
}


def run(name: str, shared: Path, package: Path, folder: Path) -> dict:
    """Solve and score one row of RUNS."""
    shot, options = RUNS[name]
    return solve_and_score(name, shared / "shots" / shot, options, shared / "tools", package, folder)


def solve_and_score(  # one row
    name: str, data: Path, options: list[str], tools: Path, package: Path, folder: Path, scoring: tuple[str, ...] = ()
) -> dict:
    """What score_scene.py says of the shot in `data` solved with these options, and `seconds` a frame of the shot."""
    blend = folder / f"{name.replace(', ', '_').replace(' ', '-')}.blend"
    scores = blend.with_suffix(".json")
    environment = {**os.environ, "FACE_SOLVE_PYTHON": str(ROOT / ".venv" / "bin" / "python")}
    solved = subprocess.run(
        [BLENDER, tools / "solve_and_score.py", package, data, blend, *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    blend.with_suffix(".log").write_text(solved.stdout + solved.stderr)
    seconds = re.search(r"^SECONDS ([\d.]+)$", solved.stdout, re.MULTILINE)
    if not seconds:
        sys.exit(f"{name} failed:\n{(solved.stdout + solved.stderr)[-2000:]}")
    subprocess.run(
        [BLENDER, tools / "score_scene.py", blend, data / "truth.npz", "--json", scores, *scoring],
        capture_output=True,
        check=True,
    )
    result = json.loads(scores.read_text())
    return {**result["summary"], "seconds": float(seconds.group(1)) / len(result["frames"])}


def build_package() -> Path:
    """The add-on's zip, built now."""
    subprocess.run([sys.executable, ROOT / "build_addon.py"], check=True, capture_output=True)
    return next(p for p in (ROOT / "dist").glob("face_solve-*.zip") if "legacy" not in p.name)


def heading() -> str:
    """The table's first lines."""
    return "| shot | " + " | ".join(MEASURES) + " | jitter | s a frame |\n" + "| --- " * (len(MEASURES) + 3) + "|"


def row(name: str, result: dict) -> str:
    """Medians, then 95th percentiles."""
    cells = [f"{result[m][0]:.3f}, {result[m][1]:.3f}" for m in MEASURES]
    return f"| {name} | " + " | ".join(cells) + f" | {result['jitter']:.2f} | {result['seconds']:.1f} |"


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", help="comma-separated rows, with ; between names that hold a comma")
    parser.add_argument("--keep", type=Path, help="keep the solved scenes and logs here")
    arguments = parser.parse_args()
    wanted = [n.strip() for n in arguments.only.split(";")] if arguments.only else list(RUNS)
    package = build_package()
    print(heading())
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            print(row(name, run(name, arguments.shared, package, folder)), flush=True)


if __name__ == "__main__":
    main()
