"""Solves shots that the solver was not developed on.

Other heads, skins, lights, lenses and performances, rendered when first asked for.

usage: python -m benchmarks.held_out FOLDER [--shared ../shared] [--only NAME;NAME] [--keep DIR]

`make_shot.py` of the shared folder renders each shot into FOLDER from a seed of its own (some 5 s an image on 2 cores);
the rest is as in benchmarks/shots.py. Each shot is solved with the rig's colours and without them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from benchmarks.shots import BLENDER, ROOT, build_package, heading, row, solve_and_score

# name: what make_shot.py is told
SHOTS = {
    "101": ["--seed", "101", "--cameras", "AB", "--motion-blur"],
    "202, dressed, moves more": ["--seed", "202", "--dressed", "--amplitude", "1.3", "--motion-blur"],
    "303, wide, skin lets light through": ["--seed", "303", "--size", "960x540", "--skin-depth", "0.1"],
    "404, dressed, covered": ["--seed", "404", "--dressed", "--occlude", "--motion-blur"],
}
FRAMES = "36"
WAYS = {"": [], ", grey": ["--grey"], ", two cameras, grey": ["--grey", "--cameras", "A,B"]}


def rendered(name: str, shared: Path, folder: Path) -> Path:
    """The shot's folder; rendered where it is not there yet, going on where a rendering was broken off."""
    data = folder / f"s{name.partition(',')[0]}"
    if not (data / "scene.blend").exists():
        made = [BLENDER, shared / "tools" / "make_shot.py", shared / "rigs" / "ict_face.npz", data, "--frames", FRAMES]
        subprocess.run([*made, *SHOTS[name]], check=True, stdout=subprocess.DEVNULL)
    return data


def main() -> None:
    """Print the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the shots are, or are rendered to")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", help="rows, with ; between them")
    parser.add_argument("--keep", type=Path, help="keep the solved scenes and logs here")
    arguments = parser.parse_args()
    package = build_package()
    print(heading())
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, (way, options) in ((name, way) for name in SHOTS for way in WAYS.items()):
            has_cameras = "A,B" not in options or "AB" in SHOTS[name]
            if has_cameras and (not arguments.only or name + way in arguments.only.split(";")):
                data = rendered(name, arguments.shared, arguments.folder)
                found = solve_and_score(name + way, data, options, arguments.shared / "tools", package, folder)
                print(row(name + way, found), flush=True)


if __name__ == "__main__":
    main()
