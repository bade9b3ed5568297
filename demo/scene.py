"""Makes demo/shot/scene.blend, what the artist starts from, with Blender 3.4: `python -m demo.scene`.

Every later Blender opens its files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

from .run import ROOT, SCENE

# Blender 3.4's Python has no NumPy of its own where the distribution built it: it takes this environment's.
INSIDE = """
import sys
from pathlib import Path
sys.path += {paths!r}
from demo.shot import artists_scene
artists_scene(Path({out!r}))
"""


def make_scene(blender: str, out: Path) -> None:
    """Write the scene with a Blender whose Python has the same version as this one."""
    code = INSIDE.format(paths=[str(ROOT), str(Path(np.__file__).parents[1])], out=str(out))
    subprocess.run([blender, "-b", "--factory-startup", "--python-exit-code", "9", "--python-expr", code], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blender", default=os.environ.get("FACE_SOLVE_BLENDER_3_4") or shutil.which("blender"))
    make_scene(parser.parse_args().blender, SCENE)


if __name__ == "__main__":
    main()
