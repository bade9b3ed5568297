"""Shape keys that drivers move along with solved keys.

Where a key's answer is linear, the solver sees through the driver.
"""

from __future__ import annotations

import random
import re
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

import bpy

from ...pieces import Pieces
from .controls import joints_of_file, key_drivers
from .jaw import Jaw
from .mesh import Rig, key_blocks

_SAME = 1e-5  # values of shape keys that differ by less are the same
_MIXED = 6  # samples with all keys somewhere, to find products
_HEAD = ""  # stands for the head's own place and its jaw bone among what a driver reads


@dataclass
class Driven:
    """What follows the solved keys.

    Args:
        slopes: for each key that is seen through, how much it gains for each solved key's 1.
        held: keys that follow in another way: the solver takes them to stand still.
    """

    slopes: Dict[str, Dict[str, float]] = field(default_factory=dict)
    held: List[str] = field(default_factory=list)


def find_driven(
    scene: bpy.types.Scene, face: bpy.types.Object, rig: Rig, frames: Sequence[int], jaw: Optional[Jaw] = None
) -> Pieces[Driven]:
    """Ask Blender how driven keys answer to solved ones. Leaves the scene at another frame."""
    solved = {name for name, free in zip(rig.names, rig.solved, strict=True) if free}
    reads = _reads(face, jaw) if rig.names else {}
    following = _reached(reads, {*solved, _HEAD})
    if not following:
        return Driven()
    with_head = _reached(reads, {_HEAD})
    asked = sorted(following - with_head)
    ends = face.data.shape_keys.key_blocks
    causes = sorted(solved & set().union(*(reads[name] for name in following)))
    causes = [name for name in causes if ends[name].slider_min < ends[name].slider_max]
    answers = []
    with _probe(face) as (probe, keys):
        for frame in sorted({frames[0], frames[len(frames) // 2], frames[-1]}):
            scene.frame_set(frame)
            answer = yield from _slopes(face, probe, keys, asked, causes)
            answers.append(answer)
    found = Driven()
    for name in sorted(following):
        slopes = [answer.get(name) for answer in answers]
        first = slopes[0]
        if first is not None and all(
            one is not None and all(abs(one[cause] - first[cause]) < _SAME for cause in causes) for one in slopes
        ):
            found.slopes[name] = {cause: slope for cause, slope in first.items() if abs(slope) > _SAME}
        else:
            found.held.append(name)
    return found


def left_standing(face: bpy.types.Object, known: Set[str]) -> List[str]:
    """Sentences about driven keys that nothing which is solved moves, with the reason: their drivers set them.

    Args:
        face: the head's object.
        known: keys of which the artist knows: solved, followed, left out, or named already.
    """
    joints, reads = joints_of_file(), _reads(face, None) if face.data.shape_keys else {}
    reasons: Dict[str, List[str]] = {}
    for name, curve in key_drivers(face).items():
        driver = curve.driver
        targets = [target for variable in driver.variables for target in variable.targets]
        if name in known or key_blocks(face)[name].mute:
            continue
        if any(target.id is not None and (target.id.name, target.bone_target) in joints for target in targets):
            continue  # it mends what a bone's pose does
        if not driver.is_valid:
            reason = "their drivers have an error"
        elif _reads_itself(reads, name):
            reason = "they drive each other"
        elif driver.type == "SCRIPTED" and re.search(r"\bframe\b", driver.expression):
            reason = "they follow the frame number"
        else:
            reason = "nothing that is solved moves what they follow"
        reasons.setdefault(reason, []).append(name)
    return [
        f"Driven shape keys are left as their drivers set them: {', '.join(names[:5])}{', ...' if names[5:] else ''} "
        f"({reason})."
        for reason, names in reasons.items()
    ]


def with_driven(rig: Rig, weights: List[List[float]], driven: Driven) -> Pieces[Tuple[Rig, List[List[float]]]]:
    """The rig whose solved keys bring along the keys that they drive.

    Args:
        rig: of the head and its followers.
        weights: by frame, every key's value; the answer has of a driven key only what its solved keys do not explain.
        driven: what follows the solved keys.
    """
    if not driven.slopes:
        return rig, weights
    row = {name: k for k, name in enumerate(rig.names)}
    deltas, rest = list(rig.deltas), [list(frame) for frame in weights]
    for name, slopes in driven.slopes.items():
        own = rig.deltas[row[name]]
        for cause, slope in slopes.items():
            yield
            deltas[row[cause]] = array("f", (a + slope * b for a, b in zip(deltas[row[cause]], own, strict=True)))
            for before, after in zip(weights, rest, strict=True):
                after[row[name]] -= slope * before[row[cause]]
    return replace(rig, deltas=deltas), rest


def _reads(face: bpy.types.Object, jaw: Optional[Jaw]) -> Dict[str, Set[str]]:
    """For each driven key the keys that its driver reads, and the head's own place or jaw bone."""
    keys = face.data.shape_keys
    paths = {block.name: block.path_from_id("value") for block in keys.key_blocks}
    reads: Dict[str, Set[str]] = {}
    for curve in keys.animation_data.drivers if keys.animation_data else ():
        name = next((name for name, path in paths.items() if path == curve.data_path), None)
        if name is None or keys.key_blocks[name].mute:
            continue
        reads[name] = set()
        for variable in curve.driver.variables:
            for target in variable.targets:
                if target.id in (keys, face, face.data):
                    reads[name].update(other for other, path in paths.items() if path in target.data_path)
                    if variable.type != "SINGLE_PROP" or target.data_path.startswith(("location", "rotation")):
                        reads[name].add(_HEAD)  # every solve moves it
                elif jaw is not None and target.id == jaw.armature and _names(target, jaw):
                    reads[name].add(_HEAD)
    return reads


def _names(target: bpy.types.DriverTarget, jaw: Jaw) -> bool:
    return target.bone_target == jaw.name or jaw.posed.path_from_id() in target.data_path


def _reached(reads: Dict[str, Set[str]], start: Set[str]) -> Set[str]:
    """The driven keys that read one of `start`, at first or second hand."""
    moving = set(start)
    for _ in reads:
        moving |= {name for name, sources in reads.items() if sources & moving}
    return moving & set(reads)


def _reads_itself(reads: Dict[str, Set[str]], name: str) -> bool:
    seen: Set[str] = set()
    ahead = set(reads.get(name, ()))
    while ahead - seen:
        seen |= ahead
        ahead = set().union(*(reads.get(one, set()) for one in ahead))
    return name in seen


@contextmanager
def _probe(face: bpy.types.Object) -> Iterator[Tuple[bpy.types.Object, bpy.types.Key]]:
    """A point with the face's shape keys and drivers and no animation, to turn the sliders of."""
    mesh = bpy.data.meshes.new("Face Solve Probe")
    mesh.from_pydata([(0, 0, 0)], [], [])
    point = bpy.data.objects.new("Face Solve Probe", mesh)
    bpy.context.scene.collection.objects.link(point)
    source = face.data.shape_keys
    try:
        for block in source.key_blocks:
            made = point.shape_key_add(name=block.name, from_mix=False)
            for _ in range(2):  # the one end bounds the other while it is set
                made.slider_max, made.slider_min = block.slider_max, block.slider_min
        keys = mesh.shape_keys
        others = {source: keys, face: point, face.data: mesh}
        drivers = keys.animation_data_create().drivers
        for curve in source.animation_data.drivers:
            copy = drivers.from_existing(src_driver=curve)
            for variable in copy.driver.variables:
                for target in variable.targets:
                    if target.id in others and "key_blocks[" in target.data_path:
                        target.id = others[target.id]
        yield point, keys
    finally:
        bpy.data.objects.remove(point)
        bpy.data.meshes.remove(mesh)


def _slopes(
    face: bpy.types.Object, probe: bpy.types.Object, keys: bpy.types.Key, asked: List[str], causes: List[str]
) -> Pieces[Dict[str, Dict[str, float]]]:
    """At the scene's frame: for each asked key whose answer is linear, how much it gains for each cause's 1."""
    now = face.data.shape_keys.evaluated_get(bpy.context.evaluated_depsgraph_get()).key_blocks
    blocks = keys.key_blocks
    for block in blocks:
        block.value = now[block.name].value
    ends = {cause: (blocks[cause].slider_min, blocks[cause].slider_max) for cause in causes}
    middle = {cause: 0.5 * (low + high) for cause, (low, high) in ends.items()}

    def answer(values: Dict[str, float]) -> Dict[str, float]:
        for cause, value in {**middle, **values}.items():
            blocks[cause].value = value
        probe.update_tag()
        keys.update_tag()
        graph = bpy.context.evaluated_depsgraph_get()
        graph.update()
        seen = keys.evaluated_get(graph).key_blocks
        return {name: seen[name].value for name in asked}

    base = answer({})
    slopes: Dict[str, Dict[str, float]] = {name: {} for name in asked}
    for cause, (low, high) in ends.items():
        yield
        first, last = answer({cause: low}), answer({cause: high})
        for name in asked:
            slopes[name][cause] = (last[name] - first[name]) / (high - low)
    chance = random.Random(0)
    samples = [{cause: low + 0.3 * (high - low)} for cause, (low, high) in ends.items()]
    samples += [{cause: chance.uniform(*end) for cause, end in ends.items()} for _ in range(_MIXED)]
    samples += [{cause: end[side] for cause, end in ends.items()} for side in (0, 1)]
    linear = set(asked)
    for values in samples:
        yield
        seen = answer(values)
        for name in asked:
            straight = base[name] + sum(slopes[name][c] * (value - middle[c]) for c, value in values.items())
            if abs(seen[name] - straight) > _SAME * (1.0 + abs(straight)):
                linear.discard(name)
    return {name: slopes[name] for name in linear}
