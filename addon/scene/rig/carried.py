"""Shape keys that turn a bone along, or follow the jaw bone.

What they do to the head is measured on the mesh that Blender shows.
"""

from __future__ import annotations

import operator
from array import array
from contextlib import contextmanager
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Sequence, Set

import bpy

from ...pieces import Pieces, whole
from ...problem import FaceSolveProblem
from .control_answers import Answer
from .controls import key_drivers
from .head import Head
from .mesh import Rig, key_blocks, mapped, moved_by, raw_places, solvable_keys
from .shape_groups import group_of
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
    solved = {name for name, free in zip(rig.names, rig.solved, strict=True) if free}
    moves = _moves(head.face, solved, answers)
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
                if _closes(head.face, name, own, before, after):
                    raise FaceSolveProblem(
                        f"The shape key {name} and the bone that it moves with go against each other: "
                        "together they close the jaw.",
                        "Turn the sign of the driver between them.",
                        "face_solve.turn_drivers",
                    )
                deltas[row] = array("f", ((b - a) / top for a, b in zip(before, after, strict=True)))
            yield
    return replace(rig, deltas=deltas)


def turn_drivers(head: Head, answers: Sequence[Answer]) -> List[str]:
    """Turn the sign of the drivers between jaw keys and bones that go against each other; answers with the keys' names.

    Args:
        head: the face and what carries it.
        answers: what the controls do.
    """
    face = head.face
    neutral = face.data.shape_keys.reference_key
    places = {neutral.name: raw_places(neutral, len(face.data.vertices))}
    turned = []
    for name, move in _moves(face, set(solvable_keys(face)), answers).items():
        own = whole(moved_by(face, key_blocks(face)[name], places))
        with _as_modelled([face], ()):
            try:
                move(0.0)
                before = _shown(head, [face])
                move(1.0)
                after = _shown(head, [face])
            finally:
                move(0.0)
        if _closes(face, name, own, before, after):
            for curve in _between(face, name):
                _turn(curve)
            turned.append(name)
    return turned


def _moves(face: bpy.types.Object, solved: Set[str], answers: Sequence[Answer]) -> Dict[str, Move]:
    """How the keys are moved that turn a bone along, or follow one."""
    moves = {
        name: _key_mover(face, name) for name in sorted(set().union(*turned_by_keys(face).values())) if name in solved
    }
    for answer in answers:
        if answer.joint:
            moves.update({name: _control_mover(answer, name) for name in answer.keys})
    return moves


def _closes(face: bpy.types.Object, name: str, own: array[float], before: array[float], after: array[float]) -> bool:
    """Whether a key of the jaw and its bone together move the chin up, and the key alone does not.

    A key that only mends what the bone does may well go against it: what counts is where both lead.
    """
    if group_of(name) != "jaw" or sum(a * (c - b) for a, b, c in zip(own, before, after, strict=False)) >= 0.0:
        return False
    up = max(range(3), key=lambda i: abs(face.matrix_world[2][i]))
    raised = sum(map(operator.sub, after[up : len(own) : 3], before[up : len(own) : 3]))
    return raised * face.matrix_world[2][up] > 0.0


def _between(face: bpy.types.Object, name: str) -> List[bpy.types.FCurve]:
    """The drivers by which a key moves bones, or else by which bones move it."""
    keys = face.data.shape_keys
    path = keys.key_blocks[name].path_from_id("value")
    found = [
        curve
        for armature in skinned_to(face)
        for curve in (armature.animation_data.drivers if armature.animation_data else ())
        if any(
            target.id in (keys, face, face.data) and path in target.data_path
            for variable in curve.driver.variables
            for target in variable.targets
        )
    ]
    own = key_drivers(face).get(name)
    return found or ([own] if own is not None else [])


def _turn(curve: bpy.types.FCurve) -> None:
    driver = curve.driver
    if curve.keyframe_points:
        for point in curve.keyframe_points:
            for part in (point.co, point.handle_left, point.handle_right):
                part.y = -part.y
        curve.update()
        return
    names = [one.name for one in driver.variables]
    whole_of = {"SUM": " + ".join(names), "MIN": f"min({', '.join(names)})", "MAX": f"max({', '.join(names)})"}
    whole_of["AVERAGE"] = f"({' + '.join(names)}) / {len(names)}"
    expression = driver.expression if driver.type == "SCRIPTED" else whole_of[driver.type]
    driver.type, driver.expression = "SCRIPTED", f"-({expression})"


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
