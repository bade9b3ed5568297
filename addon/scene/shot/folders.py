"""Where a solve's files go: beside the .blend, or in the user's cache."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Tuple

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


def user_cache() -> Path:
    """The add-on's folder in the user's cache."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "face_solve"


def preset_folder() -> Path:
    """Where the menu of presets looks; it may not exist yet."""
    return user_data() / "presets"


def user_data() -> Path:
    """The add-on's folder among the user's own data, shared by all of the user's Blenders."""
    if sys.platform == "linux":
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "face_solve"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "face_solve"
    return user_cache()
