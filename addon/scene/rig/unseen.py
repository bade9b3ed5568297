"""What moves the face and the solver does not see.

These are drivers that follow solved keys, and modifiers that deform after the keys.
"""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from typing import Iterator, List

import bpy

from ...pieces import Pieces
from .head import Head
from .jaw_motion import by_bones, read_motion, skin
from .mesh import Rig, mapped

_DEFORMS = {
    *(
        "ARMATURE",
        "CAST",
        "CLOTH",
        "CORRECTIVE_SMOOTH",
        "CURVE",
        "DISPLACE",
        "HOOK",
        "LAPLACIANDEFORM",
        "LAPLACIANSMOOTH",
    ),
    *(
        "LATTICE",
        "MESH_CACHE",
        "MESH_DEFORM",
        "MESH_SEQUENCE_CACHE",
        "SHRINKWRAP",
        "SIMPLE_DEFORM",
        "SMOOTH",
        "SOFT_BODY",
    ),
    *("SURFACE_DEFORM", "WARP", "WAVE"),
}
_VISIBLE = 1e-3  # of the face's size: a modifier that moves it less is not worth a word


def unseen(
    scene: bpy.types.Scene, head: Head, rig: Rig, frames: List[int], following: List[str], *, reshaped: bool = False
) -> Pieces[List[str]]:
    """Sentences for the artist; empty where the solver sees everything. Leaves the scene at another frame.

    Args:
        scene: the scene.
        head: the face and what carries it.
        rig: the head alone, its driven keys apart.
        frames: that are solved.
        following: keys that follow solved ones and are not seen through.
        reshaped: the rig's neutral face is already as the modifiers leave it, which is said elsewhere.
    """
    said, face, jaw = [], head.face, head.jaw
    if following:
        said.append(
            f"Drivers move {', '.join(following[:5])} along with shape keys that are solved: "
            "they are solved as if they stood still."
        )
    moved = yield from _moved_by_modifiers(scene, head, rig, sorted({frames[0], frames[len(frames) // 2], frames[-1]}))
    if moved > _VISIBLE and not reshaped:
        names = ", ".join(modifier.name for modifier in _deforming(face))
        said.append(
            f"The modifier {names} moves {face.name}{' after its shape keys' if rig.names else ''}, "
            f"by up to {100 * moved:.1f} % of its size"
            + (" beyond what the jaw bone does" if jaw else "")
            + ": the solver does not see that."
        )
    return said


def _deforming(face: bpy.types.Object) -> List[bpy.types.Modifier]:
    return [modifier for modifier in face.modifiers if modifier.show_viewport and modifier.type in _DEFORMS]


def _moved_by_modifiers(scene: bpy.types.Scene, head: Head, rig: Rig, frames: List[int]) -> Pieces[float]:
    """How far deforming modifiers move a vertex, as a share of the face's size."""
    face, jaw = head.face, head.jaw
    if not _deforming(face):
        return 0.0
    neutral = rig.arrays["neutral"].values
    size = max(max(neutral[i::3]) - min(neutral[i::3]) for i in range(3))
    worst = 0.0
    with _others_hidden(face):
        for frame in frames:
            scene.frame_set(frame)
            graph = bpy.context.evaluated_depsgraph_get()
            blocks = face.data.shape_keys.evaluated_get(graph).key_blocks if rig.names else {}
            weights = {name: 0.0 if blocks[name].mute else blocks[name].value for name in rig.names}
            mesh = face.evaluated_get(graph).data
            shown = array("f", bytes(12 * len(mesh.vertices)))
            mesh.vertices.foreach_get("co", shown)
            motion = (read_motion(jaw, graph), by_bones(jaw, graph)) if jaw is not None else None
            place = face.evaluated_get(graph).matrix_world.inverted_safe() @ head.matrix(graph)
            yield
            if len(shown) != len(neutral):
                continue
            expected = array("f", neutral)
            for name, delta in zip(rig.names, rig.deltas, strict=True):
                weight = weights[name]
                if weight:
                    expected = array("f", (a + weight * b for a, b in zip(expected, delta, strict=True)))
                    yield
            if motion is not None:
                yield from skin(expected, rig.arrays, *motion)
            elif head.skin:
                expected = mapped(expected, place)
            worst = max(worst, *(abs(a - b) for a, b in zip(shown, expected, strict=True)))
            yield
    return worst / size if size else 0.0


@contextmanager
def _others_hidden(face: bpy.types.Object) -> Iterator[None]:
    """Without the modifiers that add or take away vertices."""
    others = [one for one in face.modifiers if one.show_viewport and one.type not in _DEFORMS]
    for modifier in others:
        modifier.show_viewport = False
    try:
        yield
    finally:
        for modifier in others:
            modifier.show_viewport = True
