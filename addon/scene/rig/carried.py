"""Shape keys that turn a bone along, or follow the jaw bone.

What they do to the head is measured on the mesh that Blender shows.
"""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Sequence, Set

import bpy

from ...pieces import Pieces
from ...problem import FaceSolveProblem
from .control_answers import Answer
from .head import Head
from .mesh import Rig, key_blocks, mapped, solvable_keys
from .skinning import skinned_to

Move = Callable[[float], None]  # set a shape key, or the control that drives it, so that the key has this value


def turned_by_keys(face: bpy.types.Object) -> Dict[str, Set[str]]:
    """For each bone of the face's armatures that drivers move by shape keys of the face, these keys."""
    keys = face.data.shape_keys if face.type == "MESH" else None
    found: Dict[str, Set[str]] = {}
    if keys is None:
        return found
    paths = {name: keys.key_blocks[name].path_from_id("value") for name in solvable_keys(face)}
    for armature in skinned_to(face):
        data = armature.animation_data
        for curve in data.drivers if data else ():
            bone = next(
                (one.name for one in armature.pose.bones if curve.data_path.startswith(f"{one.path_from_id()}.")), ""
            )
            for variable in curve.driver.variables if bone else ():
                for target in variable.targets:
                    if target.id in (keys, face, face.data):
                        read = {name for name, path in paths.items() if path in target.data_path}
                        if read:
                            found.setdefault(bone, set()).update(read)
    return found


def measured(
    head: Head,
    rig: Rig,
    followers: Sequence[bpy.types.Object],
    answers: Sequence[Answer],
    reshaping: Sequence[str] = (),
) -> Pieces[Rig]:
    """The rig whose keys do what Blender shows of them, bones and all, where they turn bones or are turned by a joint.

    The head and its followers stand as before afterwards.

    Args:
        head: the face and what carries it.
        rig: of the face and its followers behind it.
        followers: their objects, in the rig's order.
        answers: what the controls do.
        reshaping: the face's modifiers, by name, that the rig is already seen through.

    Raises:
        FaceSolveProblem: where key and bone move against each other.
    """
    moves: Dict[str, Move] = {}
    for name in sorted(set().union(*turned_by_keys(head.face).values())):
        if name in rig.names and rig.solved[rig.names.index(name)]:
            moves[name] = _key_mover(head.face, name)
    for answer in answers:
        if answer.joint:
            moves.update({name: _control_mover(answer, name) for name in answer.keys})
    if not moves:
        return rig
    parts = [head.face, *followers]
    deltas = list(rig.deltas)
    maximum = rig.arrays["maximum"].values
    with _as_modelled(parts, reshaping):
        for name, move in moves.items():
            row = rig.names.index(name)
            own = deltas[row]
            top = min(1.0, maximum[row]) or 1.0
            try:
                move(0.0)
                before = _shown(head, parts)
                move(top)
                after = _shown(head, parts)
            finally:
                move(0.0)
            yield
            if len(before) == len(after) == len(own):
                if sum(a * (c - b) for a, b, c in zip(own, before, after, strict=True)) < 0.0:
                    raise FaceSolveProblem(
                        f"The shape key {name} and the bone that it moves with go against each other: "
                        "the one opens what the other closes.",
                        "Turn the sign of the driver between them.",
                        "face_solve.turn_drivers",
                    )
                deltas[row] = array("f", ((b - a) / top for a, b in zip(before, after, strict=True)))
            yield
    return replace(rig, deltas=deltas)


def _key_mover(face: bpy.types.Object, name: str) -> Move:
    def move(value: float) -> None:
        key_blocks(face)[name].value = value
        face.data.shape_keys.update_tag()

    return move


def _control_mover(answer: Answer, name: str) -> Move:
    def move(value: float) -> None:
        others = dict.fromkeys(answer.keys, 0.0)
        answer.control.set(answer.inverse({**others, name: value}, answer.rest) if value else answer.rest)

    return move


def _shown(head: Head, parts: Sequence[bpy.types.Object]) -> array[float]:
    """Every vertex of the parts as displayed, in the head's own space."""
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    inside = head.matrix(graph).inverted_safe()
    found = array("f")
    for one in parts:
        evaluated = one.evaluated_get(graph)
        values = array("f", bytes(12 * len(evaluated.data.vertices)))
        evaluated.data.vertices.foreach_get("co", values)
        found += mapped(values, inside @ evaluated.matrix_world)
    return found


@contextmanager
def _as_modelled(parts: Sequence[bpy.types.Object], reshaping: Sequence[str]) -> Iterator[None]:
    """Without the modifiers that add or take away vertices, but for these of the first part."""
    hidden: List[bpy.types.Modifier] = [
        one
        for part in parts
        for one in part.modifiers
        if one.show_viewport and one.type != "ARMATURE" and not (part == parts[0] and one.name in reshaping)
    ]
    for modifier in hidden:
        modifier.show_viewport = False
    try:
        yield
    finally:
        for modifier in hidden:
            modifier.show_viewport = True
