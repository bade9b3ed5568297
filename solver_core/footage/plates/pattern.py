"""The path of a sequence's frame.

It has a small grammar of our own, because Python's format strings reach further than a file name.
"""

from __future__ import annotations

import re
from pathlib import Path

from solver_core.common.errors import FaceSolveError

# Doubled braces, the frame with an optional width of at most two digits (0 in front: filled with zeros), and all else
# as it stands.
_PIECE = re.compile(r"\{\{|\}\}|\{frame(?::(?P<fill>0?)(?P<width>[1-9][0-9]?)?d?)?\}|[^{}]+")
_LONGEST = 4096  # letters


class FramePattern:
    """A path with the frame's number in it, such as `plates/A/{frame:04d}.jpg`.

    Braces that mean themselves are written twice.

    Args:
        pattern: the path.

    Raises:
        FaceSolveError: where it is none.

    """

    def __init__(self, pattern: str) -> None:
        pieces = list(_PIECE.finditer(pattern))
        if "".join(piece[0] for piece in pieces) != pattern or "\0" in pattern or len(pattern) > _LONGEST:
            shown = pattern if len(pattern) <= 200 else f"{pattern[:200]}..."
            raise FaceSolveError(
                f"The plate's path cannot be understood: {shown!r}",
                "Write the frame number as {frame:04d}, and other braces twice.",
            )
        self._pieces = pieces

    def path(self, frame: int) -> Path:
        """The file of one frame."""
        return Path("".join(_written(piece, frame) for piece in self._pieces))


def _written(piece: re.Match[str], frame: int) -> str:
    text = piece[0]
    if text in {"{{", "}}"}:
        return text[0]
    if not text.startswith("{"):
        return text
    width = int(piece["width"] or 0)
    return str(frame).zfill(width) if piece["fill"] else str(frame).rjust(width)
