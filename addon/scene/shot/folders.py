"""Where a solve's files go: beside the .blend, or in the user's cache."""

from __future__ import annotations

import os
import re
import stat
import sys
import tempfile
from pathlib import Path
from typing import List, Tuple

import bpy

from ...problem import FaceSolveProblem


def work_folder(scene: bpy.types.Scene) -> Tuple[Path, str]:
    """A folder that can be written, and where it is in words.

    Raises:
        FaceSolveProblem: where neither place can be written.
    """
    stem = Path(bpy.data.filepath).stem or "unsaved"
    shot = re.sub(r"[^\w.-]+", "_", f"{stem}_{scene.name}")
    tried = []
    places = [(user_cache() / shot, "in the user's cache")]
    if bpy.data.filepath:
        places.insert(0, (Path(bpy.data.filepath).parent / "face_solve" / shot, "beside the .blend"))
    for folder, words in places:
        try:
            make_writable(folder)
            _refuse_links(folder)
        except OSError as error:
            tried.append(f"{folder}: {error.strerror or error}")
            continue
        return folder, words
    raise FaceSolveProblem(
        f"The solve has nowhere to put its files ({'; '.join(tried)}).",
        "Save the .blend in a folder that can be written.",
    )


def make_writable(folder: Path) -> None:
    """Make the folder and prove that a file can be written there.

    Raises:
        OSError: where it cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"face solve")


def _refuse_links(folder: Path) -> None:
    """No file of a solve is a link.

    One that came with the .blend would lead what is written there to another file of the user.

    Raises:
        OSError: where there is one.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                raise OSError(f"{entry.name} there is a link, and no file of Face Solve")


def solver_folder() -> Path:
    """The working directory of every process of the solver: a folder of the user's own in which nothing lies.

    Python, and libraries that the solver uses, read files of certain names from the working directory: never from the
    scene's folder.

    Raises:
        FaceSolveProblem: where there is no such folder, and none can be made.
    """
    folder = user_data() / "empty"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_own_and_empty(folder):
            return folder
    except OSError:
        pass  # the next best
    try:
        if not _spare or not _is_own_and_empty(Path(_spare[-1].name)):
            _spare.append(tempfile.TemporaryDirectory(prefix="face_solve_"))
    except OSError as error:
        raise FaceSolveProblem(
            f"No folder can be made to start the solver in: {error}.", "Free the disk, or its permissions."
        ) from error
    return Path(_spare[-1].name)


_spare: List["tempfile.TemporaryDirectory[str]"] = []  # deleted when Blender ends


def _is_own_and_empty(folder: Path) -> bool:
    """Whether it is a folder and no link, nobody else may write there, and nothing lies there."""
    try:
        found = folder.lstat()
        own = sys.platform == "win32" or (found.st_uid == os.geteuid() and not found.st_mode & 0o022)
        return folder.is_absolute() and stat.S_ISDIR(found.st_mode) and own and not any(folder.iterdir())
    except OSError:
        return False


def user_cache() -> Path:
    """The add-on's folder in the user's cache."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = _absolute("XDG_CACHE_HOME", home / ".cache")
    return base / "face_solve"


def preset_folder() -> Path:
    """Where the menu of presets looks; it may not exist yet."""
    return user_data() / "presets"


def shipped_presets() -> List[Path]:
    """Presets that come with the add-on, by name."""
    return sorted((Path(__file__).parents[2] / "presets").glob("*.json"))


def user_data() -> Path:
    """The add-on's folder among the user's own data, shared by all of the user's Blenders."""
    if sys.platform == "linux":
        return _absolute("XDG_DATA_HOME", Path.home() / ".local" / "share") / "face_solve"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "face_solve"
    return user_cache()


def _absolute(variable: str, otherwise: Path) -> Path:
    """The folder that an environment variable names; a relative path there is to be ignored, says the XDG standard."""
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else otherwise
