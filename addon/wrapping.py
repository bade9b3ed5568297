"""Breaks a sentence into lines that fit; no Blender, so that it can be tested anywhere."""

from __future__ import annotations

from typing import Callable, List


def wrapped(text: str, fits: Callable[[str], bool]) -> List[str]:
    """The text's words in lines, each as long as it fits; a word that is too long alone, a path say, is broken.

    Args:
        text: the sentence.
        fits: whether a line is narrow enough.
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if fits(longer):
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        rest = word
        while not fits(rest) and len(rest) > 1:
            length = next((n for n in range(len(rest) - 1, 1, -1) if fits(rest[:n])), 1)
            lines[-1:] = [rest[:length], ""]
            rest = rest[length:]
        lines[-1] = rest
    return lines
