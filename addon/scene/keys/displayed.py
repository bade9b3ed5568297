"""Compares what plays with what was solved, in millimetres of the head, and says why they differ."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Set, Tuple

import bpy
from mathutils import Matrix, Vector

from ... import protocol
from ...worker.job import FrameResult
from ..rig.head import Head, head_of
from ..rig.jaw import jaw_weights
from ..rig.mesh import key_blocks, raw_places, solvable_keys
from ..setup.prechecks import ranges
from ..shot.export import Plan
from ..shot.sampling import evaluated
from .fixes import judge_keys, solved_channels
from .playing import play_problems

_POINTS = 240  # of the face that are compared
_BESIDE = 0.004  # of the face's size, on average over them: what plays is something else
_STANDS = 1e-3  # a key's value that differs by less is the same
_ALL = 400  # frames that are looked at where one of the first looks finds a difference
_WHOLE = 0.99  # of a vertex's weights: the head's bones alone move it


@dataclass(frozen=True)
class _Points:
    """A sample of the face's vertices, in its own space.

    Args:
        index: of each.
        neutral: its place.
        moved: for each shape key what it does to them.
        size: the face's largest extent.
    """

    index: List[int]
    neutral: List[Vector]
    moved: Dict[str, List[Vector]]
    size: float

    def at(self, values: Dict[str, float]) -> List[Vector]:
        """Their places with these values of the keys."""
        places = self.neutral
        for name, value in values.items():
            if value:
                places = [place + value * delta for place, delta in zip(places, self.moved[name], strict=True)]
        return places


def look_after(plan: Plan, results: Dict[int, FrameResult]) -> List[str]:
    """Look at what plays in the first, middle, last and worst frame, and at all where one differs.

    Answers with sentences for the artist. The frames that differ count as bad, with the reason. Frames that failed, or
    are the artist's own, are not looked at.

    Args:
        plan: what was written; its scene and face are there.
        results: by frame.
    """
    scene = bpy.data.scenes[plan.scene]
    settings = scene.face_solve
    own = plan.locked | plan.neighbours | {item.frame for item in settings.locked_frames}
    own = own.union(*judge_keys(settings, settings.face)) if settings.face is not None else own
    frames = sorted(frame for frame, one in results.items() if one.status != protocol.FRAME_FAILED and frame not in own)
    if not frames or settings.face is None or settings.face.name != plan.face:
        return []
    head = head_of(settings)
    worst = max(frames, key=lambda frame: results[frame].error_px or 0.0)
    points = _sample(head)
    with evaluated(scene, [head.face, head.carrier.owner, *_followers(plan, scene)]):
        look = _Look(scene, head, plan, points)
        first = {frames[0], frames[len(frames) // 2], frames[-1], worst}
        off = {frame: look.at(frame, results[frame]) for frame in sorted(first)}
        if any(one > _BESIDE * points.size for one in off.values()):
            off.update({frame: look.at(frame, results[frame]) for frame in frames[:_ALL] if frame not in off})
    beside = {frame: one for frame, one in off.items() if one > _BESIDE * points.size}
    said = look.left_behind()
    if beside:
        said.append(_said(scene, head, look, beside, frames))
    for item in settings.results:
        if item.frame in off:
            item.off_mm = _millimetres(scene, head, beside.get(item.frame, 0.0))
            if item.off_mm:
                item.reason = f"Plays {item.off_mm:.1f} mm beside the solution."
    return said


def _said(scene: bpy.types.Scene, head: Head, look: _Look, beside: Dict[int, float], frames: List[int]) -> str:
    most = _millimetres(scene, head, max(beside.values()))
    why = look.why() or [
        f"{one.message} {one.remedy}"
        for one in play_problems(scene, solved_channels(scene.face_solve, head.face), frames[0], frames[-1])
    ]
    because = " ".join(why) or "The reason is not known: look for what moves it besides the keys."
    return (
        f"{head.face.name} does not play what was solved: it stands beside it by up to {most:.1f} mm at "
        f"{ranges(sorted(beside))}, which count as bad. {because}"
    )


def _millimetres(scene: bpy.types.Scene, head: Head, distance: float) -> float:
    """A distance in the face's own space, in millimetres of the world."""
    scale = head.face.matrix_world.median_scale
    return 1e3 * distance * scale * scene.unit_settings.scale_length


def _followers(plan: Plan, scene: bpy.types.Scene) -> List[bpy.types.Object]:
    return [one for name in plan.followers if (one := scene.objects.get(name)) is not None]


def _sample(head: Head) -> _Points:
    """Vertices that the head alone carries: neither the jaw bone nor the neck."""
    face = head.face
    count = len(face.data.vertices)
    base = array("f", bytes(12 * count))
    blocks = key_blocks(face)
    (face.data.shape_keys.reference_key.data if blocks else face.data.vertices).foreach_get("co", base)
    wholly = _wholly(head)
    index = wholly[:: max(1, len(wholly) // _POINTS)]
    moved: Dict[str, List[Vector]] = {}
    for name in solvable_keys(face):
        block = blocks[name]
        own = raw_places(block, count)
        same = block.relative_key == face.data.shape_keys.reference_key
        relative = base if same else raw_places(block.relative_key, count)
        group = face.vertex_groups.get(block.vertex_group) if block.vertex_group else None
        moved[name] = [
            (Vector(own[3 * v : 3 * v + 3]) - Vector(relative[3 * v : 3 * v + 3])) * _weight(face, v, group)
            for v in index
        ]
    size = max(max(base[i::3]) - min(base[i::3]) for i in range(3))
    return _Points(index, [Vector(base[3 * v : 3 * v + 3]) for v in index], moved, min(size, _head_size(base, index)))


def _head_size(base: Sequence[float], index: List[int]) -> float:
    return max(max(base[3 * v + i] for v in index) - min(base[3 * v + i] for v in index) for i in range(3)) or 1.0


def _weight(face: bpy.types.Object, vertex: int, group: Optional[bpy.types.VertexGroup]) -> float:
    if group is None:
        return 1.0
    return next((one.weight for one in face.data.vertices[vertex].groups if one.group == group.index), 0.0)


def _wholly(head: Head) -> List[int]:
    face = head.face
    every = list(range(len(face.data.vertices)))
    if head.jaw is not None:
        shares = jaw_weights(face, head.jaw)
        return [v for v in every if shares[v] < 1.0 - _WHOLE] or every
    if not head.skin:
        return every
    bones = head.armature.data.bones
    deforming = {one.index: one.name == head.skin for one in face.vertex_groups if one.name in bones}
    found = []
    for vertex in face.data.vertices:
        weights = [(deforming[one.group], one.weight) for one in vertex.groups if one.group in deforming]
        total = sum(weight for _, weight in weights)
        if total and sum(weight for inside, weight in weights if inside) >= _WHOLE * total:
            found.append(vertex.index)
    return found or every


class _Look:
    """What plays, against a solution."""

    def __init__(self, scene: bpy.types.Scene, head: Head, plan: Plan, points: _Points) -> None:
        self._scene, self._head, self._plan, self._points = scene, head, plan, points
        self._values: Set[str] = set()
        self._placed, self._reshaped = 0.0, 0.0
        self._places: Dict[str, List[Matrix]] = {}
        solved = dict(zip(plan.names, plan.solved, strict=True))
        self._rows = [(name, plan.names.index(name)) for name in points.moved if solved.get(name)]

    def at(self, frame: int, result: FrameResult) -> float:
        """How far what plays at a frame stands from its solution, on average, in the face's own space."""
        self._scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        head, face = self._head, self._head.face
        blocks = face.data.shape_keys.evaluated_get(graph).key_blocks if face.data.shape_keys else {}
        plays = {name: 0.0 if blocks[name].mute else blocks[name].value for name in self._points.moved}
        wanted = {**plays, **{name: result.weights[row] for name, row in self._rows}}
        turned = Matrix([result.rotation[0:3], result.rotation[3:6], result.rotation[6:9]])
        pose = Matrix.Translation(Vector(result.translation)) @ turned.to_4x4()
        pose = pose @ Matrix.Diagonal(Vector(self._plan.scale)).to_4x4()
        matrix = head.matrix(graph)
        scale = matrix.median_scale or 1.0
        expected = [pose @ point for point in self._points.at(wanted)]
        told = [matrix @ point for point in self._points.at(plays)]
        shown = told if self._plan.reshaped else self._shown(graph) or told
        beside = _mean(shown, expected) / scale
        if beside > _BESIDE * self._points.size:
            self._values |= {name for name, _ in self._rows if abs(plays[name] - wanted[name]) > _STANDS}
            still = self._points.at(plays)
            placed = _mean([matrix @ point for point in still], [pose @ point for point in still]) / scale
            self._placed = max(self._placed, placed)
            self._reshaped = max(self._reshaped, _mean(shown, told) / scale)
        for other in _followers(self._plan, self._scene):
            place = matrix.inverted_safe() @ other.evaluated_get(graph).matrix_world
            if not any(one.type == "ARMATURE" and one.show_viewport for one in other.modifiers):
                self._places.setdefault(other.name, []).append(place)
        return beside

    def _shown(self, graph: bpy.types.Depsgraph) -> List[Vector]:
        """Where the vertices stand after all modifiers; empty where these make other vertices."""
        evaluated_face = self._head.face.evaluated_get(graph)
        vertices = evaluated_face.data.vertices
        if len(vertices) != len(self._head.face.data.vertices):
            return []
        world = evaluated_face.matrix_world
        return [world @ vertices[v].co for v in self._points.index]

    def why(self) -> List[str]:
        """The reasons that were seen."""
        head, bound, found = self._head, _BESIDE * self._points.size, []
        if self._placed > bound:
            found.append(
                f"Something besides its keys moves {head.carrier.called}: an NLA strip, a constraint, a driver."
            )
        if self._values:
            names = sorted(self._values)
            found.append(
                "Other values than those that were solved "
                f"play on {', '.join(names[:4])}{', ...' if len(names) > 4 else ''}: "
                "a slider's limits, a driver, an NLA strip or a control shared by several keys is behind it."
            )
        if self._reshaped > bound:
            names = [one.name for one in head.face.modifiers if one.show_viewport and one.type != "ARMATURE"]
            if names:
                found.append(
                    f"The modifier {', '.join(names[:3])} moves {head.face.name} after its shape keys: "
                    "apply it, or hide it, and solve again."
                )
            else:
                found.append(f"Bones move {head.face.name} besides the head's: clear their pose, and solve again.")
        return found

    def left_behind(self) -> List[str]:
        """Followers that did not come along, in a sentence each."""
        said = []
        for name, places in self._places.items():
            moved = max(((one.translation - places[0].translation).length for one in places), default=0.0)
            if moved > _BESIDE * self._points.size:
                millimetres = _millimetres(self._scene, self._head, moved)
                said.append(
                    f"{name} does not stay with the head: it shifts by {millimetres:.1f} mm. "
                    f"Parent it to {self._head.carrier.owner.name}."
                )
        return said


def _mean(first: Sequence[Vector], second: Sequence[Vector]) -> float:
    pairs: List[Tuple[Vector, Vector]] = list(zip(first, second, strict=True))
    return sum((a - b).length for a, b in pairs) / len(pairs) if pairs else 0.0
