"""Shape keys that close an eye, known by what they move where their names say nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import bpy

from ...pieces import Pieces
from ..shot.npz import Array
from .mesh import Box, Rig, expressive_box_pieces, key_blocks, raw_places

# The solver's own pattern: keys that it knows by their names.
NAMED = re.compile(r"blink|(eye|lid)s?[ _.-]*clos|clos[a-z]*[ _.-]*(eye|lid)|au[ _.-]*45(?!\d)", re.IGNORECASE)
GROUP = "eyelids"  # what the solver calls those of the others that are in a group of this name
_SMALL = 0.2  # of the face's largest extent: an eye's lids are smaller
_FAR = (
    0.2  # of the moved part's height: lids that close go further, on average over their edge; brows and a squint do not
)
_MOVED = 0.1  # of the largest move: vertices that move at least this much are the part
_SAMPLED = 8000  # vertices that are looked at
_KEYS = 200  # keys that are looked at: of more without a telling name few can be lids
_STRONG = 0.5  # of the largest move: vertices that move at least this much are the lid's edge


def with_lids(face: bpy.types.Object, rig: Rig) -> Pieces[Rig]:
    """The rig with the keys that close an eye in the group that the solver knows, where their names tell neither."""
    groups = list(rig.arrays["groups"].values) if rig.names else []
    unknown = [
        k for k, name in enumerate(rig.names) if groups[k] == "other" and rig.solved[k] and not NAMED.search(name)
    ]
    if not unknown or len(unknown) > _KEYS:
        return rig
    box = yield from expressive_box_pieces(face)
    for k in unknown:
        yield
        if closes_eye(face, rig.names[k], box):
            groups[k] = GROUP
    return replace(rig, arrays={**rig.arrays, "groups": Array(groups, (len(groups),))})


def closes_eye(face: bpy.types.Object, name: str, box: Box) -> bool:
    """Whether a key moves a small part beside the middle and above it, downwards and nearly over its own height.

    Args:
        face: the head's object; its up is the axis of its own space that points most nearly up in the world.
        name: of the key.
        box: of all that the face's keys move.
    """
    block, count = key_blocks(face)[name], len(face.data.vertices)
    own, base = raw_places(block, count), raw_places(block.relative_key, count)
    if own == base:
        return False
    step = max(1, count // _SAMPLED)
    moves = {v: max(abs(own[3 * v + i] - base[3 * v + i]) for i in range(3)) for v in range(0, count, step)}
    most = max(moves.values())
    edge = [v for v, move in moves.items() if move > _STRONG * most]
    part = [v for v, move in moves.items() if move > _MOVED * most]
    if not edge:
        return False
    up = max(range(3), key=lambda i: abs(face.matrix_world[2][i]))
    sign = 1.0 if face.matrix_world[2][up] > 0.0 else -1.0
    size = max(high - low for low, high in zip(*box, strict=True))

    def extent(axis: int) -> float:
        values = [base[3 * v + axis] for v in part]
        return max(values) - min(values)

    if max(extent(i) for i in range(3)) > _SMALL * size:
        return False
    middle = 0.5 * (box[0][up] + box[1][up])
    height = sum(base[3 * v + up] for v in edge) / len(edge)
    down = -sign * sum(own[3 * v + up] - base[3 * v + up] for v in edge) / len(edge)
    return sign * (height - middle) > 0.0 and down > _FAR * extent(up)
