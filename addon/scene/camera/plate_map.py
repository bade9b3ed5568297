"""Blender's rules for which frame of a plate shows at a scene frame; plain arithmetic, no bpy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class ImageTiming:
    """An image user's settings: sequences and movies as background images."""

    frame_start: int
    frame_duration: int
    frame_offset: int
    use_cyclic: bool = False

    def plate_frame(self, scene_frame: int) -> Optional[int]:
        """The file number of a sequence, or a movie's frame counted from 1; None outside the plate.

        Outside its range Blender holds a movie's or sequence's last frame; no footage of the actor stands there, hence
        None.
        """
        if self.frame_duration <= 0:
            return None
        position = scene_frame - self.frame_start + 1
        if self.use_cyclic:
            position = position % self.frame_duration or self.frame_duration
        elif not 1 <= position <= self.frame_duration:
            return None
        number = position + self.frame_offset
        return number if number >= 0 else None


@dataclass(frozen=True)
class ClipTiming:
    """A movie clip's settings. `first` is the number in its file name (sequence), or 1 (movie)."""

    first: int
    frame_start: int
    frame_offset: int
    frame_duration: int

    def plate_frame(self, scene_frame: int) -> Optional[int]:
        """The file number of a sequence, or a movie's frame counted from 1; None outside the clip."""
        index = scene_frame - self.frame_start + self.frame_offset
        if not 0 <= index < self.frame_duration:
            return None
        return self.first + index


def sequence_pattern(path: str) -> Optional[Tuple[str, int]]:
    """A sequence's path with its number replaced by `{frame:0Nd}`, and the number itself.

    Blender takes the last group of digits before the extension; None where the name has no digits.
    """
    cut = max(path.rfind("/"), path.rfind("\\")) + 1
    folder, name = path[:cut], path[cut:]
    stem_end = name.rfind(".") if "." in name else len(name)
    groups = list(re.finditer(r"[0-9]+", name[:stem_end]))
    if not groups:
        return None
    digits = groups[-1]
    head, tail = folder + name[: digits.start()], name[digits.end() :]
    pattern = _literal(head) + f"{{frame:0{len(digits.group())}d}}" + _literal(tail)
    return pattern, int(digits.group())


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
