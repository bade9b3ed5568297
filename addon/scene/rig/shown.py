"""The face as the modifiers after its shape keys leave it: Mirror, Subdivision, Geometry Nodes, Lattice, Shrinkwrap.

A copy of the face without animation is evaluated, its sliders turned one at a time.
"""

from __future__ import annotations

import operator
import random
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence

import bpy

from ...pieces import Pieces
from ...problem import FaceSolveProblem
from ..shot.npz import Array, read_array
from .mesh import Rig, corners_of, key_blocks, own_vertices, raw_places

# Modifiers that leave the vertices of a face where its shape keys put them, whatever they add.
_KEEP_PLACES = ("SOLIDIFY", "EDGE_SPLIT", "WEIGHTED_NORMAL", "NORMAL_EDIT", "TRIANGULATE", "UV_PROJECT")
_SUBDIVIDES = ("SUBSURF", "MULTIRES")  # the vertices of the cage stay the first ones
_MAKES = ("MIRROR", "ARRAY", "SKIN", "REMESH", "SCREW")  # parts of the face, rather than things beside it
_SKINS = ("ARMATURE",)  # bones are solved, or measured, on their own
_VISIBLE = 1e-3  # of the face's size: what a modifier moves less is not worth a word
_BENT = 4e-3  # of the face's size, on average: keys together do something else than each alone
_MIXES, _TOGETHER = 3, 6  # how often, and how many keys are tried together
_NAME = "Face Solve Stand-In"


@dataclass(frozen=True)
class Shown:
    """The face as its modifiers show it.

    Args:
        rig: what the solver sees.
        modifiers: the names of those that reshape it.
        stand_in: an object with the mesh that they make, where that has other vertices than the face; None where the
            vertices are the face's own.
    """

    rig: Rig
    modifiers: List[str]
    stand_in: Optional[bpy.types.Object]


class StandIn:
    """A copy of the face, of which the modifiers are evaluated and the sliders turned.

    Args:
        face: the head's object.
        probe: the copy; None where no modifier could reshape the face.
    """

    def __init__(self, face: bpy.types.Object, probe: Optional[bpy.types.Object]) -> None:
        self.face, self.probe = face, probe
        self._cut = 0  # coordinates that are looked at; 0: all

    def see(self, rig: Rig, frames: Sequence[int]) -> Pieces[Optional[Shown]]:
        """What the solver should see in place of the bare mesh; None where the modifiers change nothing.

        Leaves the scene at another of the frames.

        Raises:
            FaceSolveProblem: where the keys do not add up under the modifiers, or these make a mesh that changes.
        """
        if self.probe is None:
            return None
        with self._in_scene():
            shown = yield from self._see(rig, frames)
        return shown

    @contextmanager
    def _in_scene(self) -> Iterator[None]:
        """Only meanwhile: the scene's own objects are looked at after this."""
        collection = bpy.context.scene.collection
        collection.objects.link(self.probe)
        try:
            yield
        finally:
            collection.objects.unlink(self.probe)

    def _see(self, rig: Rig, frames: Sequence[int]) -> Pieces[Optional[Shown]]:
        bare = rig.arrays["neutral"].values
        size = _size(bare)
        own = self._keeps_vertices(bare, size)
        yield
        neutral = self._places({})
        some = self._some(rig, random.Random(0))
        mixed = self._places(some)
        yield
        if own and max(_off(neutral, bare), _off(mixed, bare, rig, some)) <= _VISIBLE * size:
            return None
        names = [one.name for one in self._modifiers()]
        yield from self._still(neutral, size, names, frames)
        deltas: List[array[float]] = []
        for name in rig.names:
            top = self._top(name)
            places = self._places({name: top})
            if len(places) != len(neutral):
                raise self._refusal(names, "makes other vertices when shape keys move it")
            deltas.append(array("f", ((b - a) / top for a, b in zip(neutral, places, strict=True))))
            yield
        seen = replace(rig, arrays={**rig.arrays, "neutral": Array(neutral, (len(neutral) // 3, 3))}, deltas=deltas)
        chance = random.Random(1)
        for _ in range(_MIXES if rig.names else 0):
            some = self._some(rig, chance)
            if _beside(self._places(some), _sum(neutral, seen, some)) > _BENT * size:
                raise self._refusal(names, "bends its shape keys: together these do something else than each alone")
            yield
        if own:
            return Shown(seen, names, None)
        self._become()
        triangles = corners_of(self.probe.data)
        x, y, z = rig.arrays["scale"].values
        if x * y * z < 0.0:
            triangles[0::3], triangles[1::3] = triangles[1::3], triangles[0::3]
        seen.arrays["triangles"] = Array(triangles, (len(triangles) // 3, 3))
        return Shown(seen, names, self.probe)

    def _modifiers(self) -> List[bpy.types.Modifier]:
        return [one for one in self.probe.modifiers if one.show_viewport]

    def _keeps_vertices(self, bare: array[float], size: float) -> bool:
        """Whether the face's vertices are the first of what its modifiers show, one for one.

        Where they are not, what only subdivides is left out.
        """
        adding = [one for one in self._modifiers() if one.type in (*_SUBDIVIDES, "MASK")]
        for one in adding:
            one.show_viewport = False
        places = self._places({})
        making = any(one.type in _MAKES for one in self._modifiers())
        same = len(places) == len(bare)
        more = not making and len(places) > len(bare) and _off(places[: len(bare)], bare) <= _VISIBLE * size
        self._cut = len(bare) if same or more else 0
        for one in adding:
            one.show_viewport = (one.type in _SUBDIVIDES) == (same or more)
        return same or more

    def _some(self, rig: Rig, chance: random.Random) -> Dict[str, float]:
        """Some keys, half way."""
        picked = chance.sample(rig.names, min(_TOGETHER, len(rig.names)))
        return {name: 0.5 * self._top(name) for name in picked}

    def _top(self, name: str) -> float:
        return min(1.0, key_blocks(self.face)[name].slider_max) or 1.0

    def _places(self, values: Dict[str, float]) -> array[float]:
        """Every vertex, 3 numbers each, in the face's own space; of a subdivided face those of its cage."""
        probe = self.probe
        assert probe is not None
        for block in key_blocks(probe):
            wanted = values.get(block.name, 0.0)
            if block.value != wanted:
                block.value = wanted
        if probe.data.shape_keys is not None:
            probe.data.shape_keys.update_tag()
        graph = bpy.context.evaluated_depsgraph_get()
        graph.update()
        mesh = probe.evaluated_get(graph).data
        places = array("f", bytes(12 * len(mesh.vertices)))
        mesh.vertices.foreach_get("co", places)
        return places[: self._cut] if self._cut else places

    def _still(self, neutral: array[float], size: float, names: List[str], frames: Sequence[int]) -> Pieces[None]:
        """Refuse modifiers that move the neutral face during the shot: the solver sees one neutral face."""
        for frame in sorted({frames[0], frames[len(frames) // 2], frames[-1]}):
            bpy.context.scene.frame_set(frame)
            places = self._places({})
            if len(places) != len(neutral) or _off(places, neutral) > _VISIBLE * size:
                raise self._refusal(names, f"moves it during the shot (frame {frame})")
            yield

    def _become(self) -> None:
        """Give the copy the mesh that its modifiers make, and leave it the armatures alone."""
        probe = self.probe
        assert probe is not None
        self._places({})
        graph = bpy.context.evaluated_depsgraph_get()
        mesh = bpy.data.meshes.new_from_object(
            probe.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
        )
        before, groups = probe.data, [one.name for one in probe.vertex_groups]
        probe.data = mesh
        bpy.data.meshes.remove(before)
        for name in groups:
            if name not in probe.vertex_groups:
                probe.vertex_groups.new(name=name)
        for one in list(probe.modifiers):
            if one.type in _SKINS:
                one.show_viewport = True
            else:
                probe.modifiers.remove(one)

    def _refusal(self, names: List[str], what: str) -> FaceSolveProblem:
        return FaceSolveProblem(
            f"What modifies {self.face.name} after its shape keys ({', '.join(names)}) {what}: "
            "the solver cannot see that.",
            "Apply it, or hide it in the viewport for the solve.",
        )


@contextmanager
def stand_in(face: bpy.types.Object) -> Iterator[StandIn]:
    """A copy of the face to be looked at, where modifiers could reshape it."""
    reshaping = [
        one for one in face.modifiers if one.show_viewport and one.type not in (*_KEEP_PLACES, *_SKINS, "MASK")
    ]
    if not reshaping:
        yield StandIn(face, None)
        return
    probe = face.copy()
    probe.name = _NAME
    try:
        probe.data = face.data.copy()
        for owner in (probe, probe.data, probe.data.shape_keys):
            if owner is not None:
                owner.animation_data_clear()
        for block in key_blocks(probe):
            block.mute = False
        for one in probe.modifiers:
            if one.type in (*_KEEP_PLACES, *_SKINS):
                one.show_viewport = False
            elif one.type in _SUBDIVIDES:
                one.levels = min(one.levels, 1)
            elif one.type == "MIRROR":  # what is merged changes with the keys: seams stay double
                one.use_mirror_merge = False
            elif one.type == "ARRAY":
                one.use_merge_vertices = False
        probe.hide_viewport = False
        yield StandIn(face, probe)
    finally:
        mesh = probe.data
        bpy.data.objects.remove(probe)
        if mesh != face.data:
            bpy.data.meshes.remove(mesh)


def was_reshaped(rig_file: Path, face: bpy.types.Object) -> bool:
    """Whether a shot was written of the face as modifiers after its shape keys leave it.

    Args:
        rig_file: the rig.npz that the solution lies beside; where there is none, nobody knows.
        face: the head's object.
    """
    seen = read_array(rig_file, "neutral")
    if seen is None or not isinstance(seen.values, array):
        return False
    keys, count = face.data.shape_keys, len(face.data.vertices)
    bare = raw_places(keys.reference_key, count) if keys else own_vertices(face)
    return len(seen.values) >= len(bare) and _off(seen.values[: len(bare)], bare) > _VISIBLE * _size(bare)


def _off(places: array[float], bare: array[float], rig: Optional[Rig] = None, keys: Mapping[str, float] = {}) -> float:
    """How far the farthest coordinate stands from where the keys alone would put it."""
    wanted = _sum(bare, rig, keys) if rig is not None else bare
    return max(map(abs, map(operator.sub, places, wanted)), default=0.0)


def _size(places: array[float]) -> float:
    """The largest extent."""
    return max(max(places[i::3]) - min(places[i::3]) for i in range(3)) or 1.0


def _beside(first: array[float], second: array[float]) -> float:
    """How far a coordinate of the one stands from the other's, on average."""
    return sum(map(abs, map(operator.sub, first, second))) / max(1, len(first))


def _sum(neutral: array[float], rig: Rig, values: Mapping[str, float]) -> array[float]:
    places = neutral
    for name, value in values.items():
        delta = rig.deltas[rig.names.index(name)]
        places = array("f", (a + value * b for a, b in zip(places, delta, strict=True)))
    return places
