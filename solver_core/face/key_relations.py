"""Which shape keys undo each other and which are each other's mirror image, by their shapes and their names."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.face.rig import Rig

UNDOES = -0.5  # cosine of two keys' shapes below which one takes back what the other does
# Words for movements that no face makes at once, although they differ in where they move it too.
ANTONYMS = re.compile(r"smile|frown", re.IGNORECASE)
SIDE = re.compile(r"(?<=[_. -])[LR](?=$|[_. -])|left|right", re.IGNORECASE)
# Eyes look to one side together: one looks in and the other out.
SIDEWAYS = re.compile(r"look[ _.-]*(in|out)", re.IGNORECASE)
OTHER = {"l": "r", "r": "l", "left": "right", "right": "left", "smile": "frown", "frown": "smile"}


@dataclass(frozen=True)
class KeyRelations:
    """Between K shape keys."""

    opposite: Bools  # [K,K] symmetric: both on would cancel
    mirrors: Ints  # [m,2] a key and its mirror image


def key_relations(rig: Rig) -> KeyRelations:
    """Of a rig's solved keys; the others have none."""
    keys, names = np.flatnonzero(rig.solved), rig.names
    opposite = np.zeros((len(names), len(names)), bool)
    opposite[np.ix_(keys, keys)] = _cosines(rig, keys) < UNDOES
    place = {names[k].casefold(): int(k) for k in keys}
    mirrors = []
    for key in map(int, keys):
        against = place.get(_swapped(ANTONYMS, names[key]))
        if against is not None and against != key:
            opposite[key, against] = opposite[against, key] = True
        other = place.get(_swapped(SIDE, names[key]))
        if other is not None and key < other and not opposite[key, other] and not SIDEWAYS.search(names[key]):
            mirrors.append((key, other))
    return KeyRelations(opposite, np.array(mirrors, int).reshape(-1, 2))


def _cosines(rig: Rig, keys: Ints) -> Floats:
    """[k,k] of the shapes; a key that moves nothing is like none."""
    if not len(keys):
        return np.zeros((0, 0))
    shapes = rig.key_shapes(keys).reshape(len(keys), -1)
    length = np.linalg.norm(shapes, axis=1)
    unit = shapes / np.where(length > 0, length, 1.0)[:, None]
    cosines: Floats = unit @ unit.T
    return cosines


def _swapped(words: re.Pattern[str], name: str) -> str:
    """The name with the other word for each of these, in lower case."""
    return words.sub(lambda found: OTHER[found[0].casefold()], name).casefold()
