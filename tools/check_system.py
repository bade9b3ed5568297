"""Says which system packages are missing, and the command that installs them.

Usage: python tools/check_system.py [VENV_WITH_BPY ...]

Libraries that the bpy modules need are looked up by the dynamic loader: without them bpy cannot be imported, and the
exit status is 1. Blender 3.4 and Xvfb serve some tests alone: without them the status is 1 only where FACE_SOLVE_CI=1.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = {"blender": "blender", "Xvfb": "xvfb"}
PACKAGES = {  # library -> Debian's package
    "libEGL": "libegl1",
    "libGL": "libgl1",
    "libGLX": "libglx0",
    "libICE": "libice6",
    "libSM": "libsm6",
    "libX11": "libx11-6",
    "libXcursor": "libxcursor1",
    "libXext": "libxext6",
    "libXfixes": "libxfixes3",
    "libXi": "libxi6",
    "libXinerama": "libxinerama1",
    "libXrandr": "libxrandr2",
    "libXrender": "libxrender1",
    "libXxf86vm": "libxxf86vm1",
    "libgomp": "libgomp1",
    "libvulkan": "libvulkan1",
    "libwayland-client": "libwayland-client0",
    "libxkbcommon": "libxkbcommon0",
}


def main(environments: list[str]) -> int:
    """Print what is missing; the exit status."""
    libraries = sorted({name for environment in environments for name in missing_libraries(Path(environment))})
    programs = sorted(name for name in PROGRAMS if shutil.which(name) is None)
    if libraries:
        print(f"Blender's module cannot be imported: {', '.join(libraries)} missing. Install with:")
        print(install_command([PACKAGES.get(name.split(".so")[0], f"(whatever holds {name})") for name in libraries]))
    if programs:
        print(f"Tests that run Blender 3.4 with a window need {', '.join(programs)}. Install with:")
        print(install_command([PROGRAMS[name] for name in programs]))
    return int(bool(libraries) or (bool(programs) and os.environ.get("FACE_SOLVE_CI") == "1"))


def missing_libraries(environment: Path) -> list[str]:
    """File names of shared libraries that the environment's bpy needs and the loader does not find."""
    if platform.system() != "Linux" or shutil.which("ldd") is None:
        return []
    missing: set[str] = set()
    for module in environment.glob("lib/python3*/site-packages/bpy/__init__*.so"):
        listing = subprocess.run(["ldd", str(module)], capture_output=True, text=True, check=False).stdout
        missing |= {line.split()[0] for line in listing.splitlines() if "not found" in line}
    return sorted(missing)


def install_command(packages: list[str]) -> str:
    """The command for Debian and Ubuntu."""
    sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    return f"    {sudo}apt-get install -y {' '.join(sorted(set(packages)))}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
