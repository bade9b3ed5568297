"""Builds the add-on's two zips into dist/.

The extension (Blender 4.2 and later) and the legacy add-on (Blender 3.4 to 4.1).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ADDON = ROOT / "addon"
SHARED = ROOT / "solver_core" / "protocol.py"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same zip, byte for byte
EPOCH_SECONDS = "315532800"


def solver_version() -> str:
    """The project's one version number, from solver_core/__init__.py."""
    found = re.search(
        r'^__version__ = "([^"]+)"$', (ROOT / "solver_core" / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise SystemExit("solver_core/__init__.py has no __version__")
    return found.group(1)


def build_wheel(folder: Path, version: str) -> Path:
    """Build solver_core's wheel, without network and without its dependencies.

    Args:
        folder: a scratch folder.
        version: the version that the wheel must carry.
    """
    source = folder / "source"
    shutil.copytree(ROOT / "solver_core", source / "solver_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "setup.py", "setup.cfg"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    if not (source / "README.md").exists():  # pyproject.toml names it
        (source / "README.md").write_text("# Face Solve\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [*command, "--wheel-dir", str(folder / "wheel"), str(source)],
        check=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH_SECONDS},
    )
    wheel = folder / "wheel" / f"face_solve-{version}-py3-none-any.whl"
    if not wheel.exists():
        raise SystemExit(
            f"pip built no {wheel.name}: pyproject.toml and solver_core/__init__.py must agree on the version"
        )
    return wheel


def addon_files(version: str, wheel: Path) -> dict[str, bytes]:
    """Every file of the add-on by its path inside the package."""
    files = {
        path.relative_to(ADDON).as_posix(): path.read_bytes()
        for path in sorted(ADDON.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.name != "protocol.py"
    }
    files["protocol.py"] = SHARED.read_bytes()
    numbers = ", ".join(version.split("."))
    files["__init__.py"] = _replaced(
        files["__init__.py"], '"version": (0, 0, 0),  # set by build_addon.py', f'"version": ({numbers}),'
    )
    files["blender_manifest.toml"] = _replaced(
        files["blender_manifest.toml"], 'version = "0.0.0"', f'version = "{version}"'
    )
    if (ROOT / "LICENSE").exists():
        files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files[f"solver/{wheel.name}"] = wheel.read_bytes()
    return files


def _replaced(content: bytes, old: str, new: str) -> bytes:
    text = content.decode("utf-8")
    if text.count(old) != 1:
        raise SystemExit(f"expected {old!r} exactly once")
    return text.replace(old, new).encode("utf-8")


def write_zip(path: Path, files: dict[str, bytes], prefix: str = "") -> None:
    """Write a zip whose bytes depend on its content alone."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(prefix + name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])


def build(out: Path) -> tuple[Path, Path]:
    """Build both zips.

    Args:
        out: the folder they go to; made where missing.

    Returns:
        (extension, legacy): their paths.
    """
    version = solver_version()
    with tempfile.TemporaryDirectory() as scratch:
        files = addon_files(version, build_wheel(Path(scratch), version))
    out.mkdir(parents=True, exist_ok=True)
    extension, legacy = out / f"face_solve-{version}.zip", out / f"face_solve-{version}-legacy.zip"
    write_zip(extension, files)
    del files["blender_manifest.toml"]
    write_zip(legacy, files, "face_solve/")
    return extension, legacy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zips")
    for built in build(parser.parse_args().out):
        print(built)
