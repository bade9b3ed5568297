"""Asks Blender what the controls of a rig do to its shape keys, and finds the values of controls for those of keys."""

from __future__ import annotations

import math
from array import array
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import bpy

from ...pieces import Pieces
from ..keys.record import Channel, holder_of
from .controls import Control, control_order, controls_of, is_joint, joints_of_file, key_drivers
from .mesh import key_blocks, raw_places

_STEPS = 64  # between a control's ends, when its answer is read
_REACHES = 24  # doublings that are tried to find where a control without limits has done all it does
_FIRST = 2.0**-14  # the smallest of them
_MOVES = 1e-4  # a key that a control changes by less is not changed by it


@dataclass
class Answer:
    """What a control does, as it was asked.

    Args:
        control: the control.
        values: its values, ascending.
        keys: for each key that it drives, the key's value at each of these.
        rest: its value when it was asked.
        joint: whether it is the jaw bone itself, which moves the mesh besides.
        products: for each pair of them, the dot product of what they move; how much one can stand for the other.
    """

    control: Control
    values: List[float]
    keys: Dict[str, List[float]]
    rest: float
    products: Dict[Tuple[str, str], float] = field(default_factory=dict)
    joint: bool = False

    def inverse(self, wanted: Dict[str, float], near: float) -> float:
        """The control's value whose keys move the mesh most nearly as wanted; of equal ones the nearest to `near`.

        Args:
            wanted: the value of each of its keys.
            near: its value in the frame before.
        """
        names = [name for name in self.keys if name in wanted]

        def cost(off: Dict[str, float]) -> float:
            return sum(self.products.get((a, b), float(a == b)) * off[a] * off[b] for a in names for b in names)

        best: Tuple[float, float, float] = (math.inf, math.inf, near)
        for i in range(len(self.values) - 1):
            start = {name: self.keys[name][i] - wanted[name] for name in names}
            step = {name: self.keys[name][i + 1] - self.keys[name][i] for name in names}
            slope = cost(step)
            across = sum(self.products.get((a, b), float(a == b)) * start[a] * step[b] for a in names for b in names)
            share = min(1.0, max(0.0, -across / slope)) if slope > 0.0 else 0.0
            value = self.values[i] + share * (self.values[i + 1] - self.values[i])
            if slope <= 0.0:  # nothing changes between these: the nearest of them does
                value = min(max(near, self.values[i]), self.values[i + 1])
            left = cost({name: start[name] + share * step[name] for name in names})
            best = min(best, (round(left, 15), abs(value - near), value))
        return best[2]


@dataclass
class Controls:
    """The controls of a face.

    Args:
        answers: what each does.
        reach: for each key that is solved through them, the least and the most that they can give.
        tied: keys that a control moves together with another that is solved: for each its leader.
        unsolved: sentences about driven keys that are not solved.
        named: these keys.
    """

    answers: List[Answer] = field(default_factory=list)
    reach: Dict[str, Tuple[float, float]] = field(default_factory=dict)
    tied: Dict[str, Dict[str, float]] = field(default_factory=dict)
    unsolved: List[str] = field(default_factory=list)
    named: Set[str] = field(default_factory=set)


def _limits(control: Control) -> Optional[Tuple[float, float]]:
    """The ends that the rig gives a control; None where it gives none."""
    holder, name = holder_of(control.block, control.path)
    if name.startswith("["):
        said = holder.id_properties_ui(bpy.utils.unescape_identifier(name[2:-2])).as_dict()
        low, high = said.get("min", -math.inf), said.get("max", math.inf)
        return (float(low), float(high)) if -1e6 < low < high < 1e6 else None
    limit = {"location": "LIMIT_LOCATION", "rotation_euler": "LIMIT_ROTATION", "scale": "LIMIT_SCALE"}.get(name)
    axis = "xyz"[control.index] if 0 <= control.index < 3 else "x"
    for one in getattr(holder, "constraints", ()):
        if one.type == limit and not one.mute and one.owner_space in ("LOCAL", "LOCAL_WITH_PARENT"):
            sides = ("use_min_", "use_max_") if name != "rotation_euler" else ("use_limit_", "use_limit_")
            if getattr(one, sides[0] + axis) and getattr(one, sides[1] + axis):
                return getattr(one, f"min_{axis}"), getattr(one, f"max_{axis}")
    return (-math.pi, math.pi) if name == "rotation_euler" else (-1.0, 1.0) if name == "rotation_quaternion" else None


def ask(face: bpy.types.Object, kept: Iterable[Channel], left_out: Set[str]) -> Pieces[Controls]:
    """Ask Blender what the controls of a face do, at the scene's frame; they stand as before afterwards.

    Args:
        face: the head's object.
        kept: channels that a solve writes for another reason, such as the jaw bone's: they are no controls.
        left_out: shape keys that the artist does not want solved.
    """
    taken = {(one.owner.name, one.data_path) for one in kept}
    reads = {
        name: [one for one in found if (one.owner, one.path) not in taken]
        for name, found in controls_of(face).items()
        if name not in left_out and not key_blocks(face)[name].mute
    }
    reads = {name: found for name, found in reads.items() if found}
    if not reads:
        return Controls()
    _ask_again()
    with _alone(face, reads) as look:
        ends = yield from _ends(look, reads)
        answers = yield from _answers(look, reads, ends)
    chosen = yield from _chosen(face, reads, answers)
    return chosen


def _ask_again() -> None:
    """Have Blender try drivers of shape keys anew that failed once.

    It does not by itself, though what they read may be there by now.
    """
    for mesh in bpy.context.scene.objects:
        for curve in key_drivers(mesh).values():
            if not curve.driver.is_valid:
                for variable in curve.driver.variables:
                    for target in variable.targets:
                        if target.id is not None:
                            target.id.update_tag()
                curve.driver.expression = curve.driver.expression


class _Look:
    """Moves controls and reads keys, a few of each at a time."""

    def __init__(self, face: bpy.types.Object, controls: Sequence[Control]) -> None:
        self._face, self.rest = face, {one: one.get() for one in controls}

    def read(self, values: Dict[Control, float]) -> Dict[str, float]:
        """Every driven key's value with these controls moved and all others as they were."""
        for control, rest in self.rest.items():
            value = values.get(control, rest)
            if control.get() != value:
                control.set(value)
        graph = bpy.context.evaluated_depsgraph_get()
        graph.update()
        seen = self._face.data.shape_keys.evaluated_get(graph).key_blocks
        return {name: seen[name].value for name in key_drivers(self._face)}


@contextmanager
def _alone(face: bpy.types.Object, reads: Dict[str, List[Control]]) -> Iterator[_Look]:
    """A point with the face's keys and drivers to look at, and the meshes of the rig out of the way.

    These meshes are slow to evaluate.
    """
    mesh = bpy.data.meshes.new("Face Solve Probe")
    mesh.from_pydata([(0, 0, 0)], [], [])
    point = bpy.data.objects.new("Face Solve Probe", mesh)
    bpy.context.scene.collection.objects.link(point)
    controls = sorted(
        {one for found in reads.values() for one in found}, key=lambda one: (one.owner, *control_order(one))
    )
    look = _Look(point, controls)
    hidden = [one for one in bpy.context.scene.objects if one.type == "MESH" and one != point and not one.hide_viewport]
    try:
        point.shape_key_add(name="Basis")
        for name in reads:
            block = key_blocks(face)[name]
            made = point.shape_key_add(name=name, from_mix=False)
            made.name = name
            for _ in range(2):  # the one end bounds the other while it is set
                made.slider_max, made.slider_min = block.slider_max, block.slider_min
        keys = mesh.shape_keys
        drivers = keys.animation_data_create().drivers
        for (
            control
        ) in controls:  # a custom property that a script just made: a driver that misses it once stays invalid
            control.block.update_tag()
        for name, curve in key_drivers(face).items():
            if name in reads:
                copy = drivers.from_existing(src_driver=curve)
                copy.data_path = keys.key_blocks[name].path_from_id("value")
        for one in hidden:
            one.hide_viewport = True
        yield look
    finally:
        for one in hidden:
            one.hide_viewport = False
        for control, rest in look.rest.items():
            if control.get() != rest:
                control.set(rest)
        bpy.data.objects.remove(point)
        bpy.data.meshes.remove(mesh)


def _rounds(reads: Dict[str, List[Control]]) -> List[List[Control]]:
    """The controls in groups that can be moved at once: no key reads two of one group."""
    against: Dict[Control, Set[Control]] = {}
    for found in reads.values():
        for one in found:
            against.setdefault(one, set()).update(set(found) - {one})
    rounds: List[List[Control]] = []
    for control, others in against.items():
        free = next((one for one in rounds if not others.intersection(one)), None)
        if free is None:
            rounds.append([control])
        else:
            free.append(control)
    return rounds


def _ends(look: _Look, reads: Dict[str, List[Control]]) -> Pieces[Dict[Control, Tuple[float, float]]]:
    """Between which values each control does all that it does: the rig's limits, else where its keys change no more."""
    ends: Dict[Control, Tuple[float, float]] = {}
    before = look.read({})
    for group in _rounds(reads):
        for control in group:
            limits = _limits(control)
            if limits is not None:
                ends[control] = limits
        free = [control for control in group if control not in ends]
        reach = {control: [look.rest[control], look.rest[control]] for control in free}
        for side in (0, 1) if free else ():
            last = before
            for doubling in range(_REACHES):
                yield
                away = (-1.0, 1.0)[side] * _FIRST * 2.0**doubling
                seen = look.read({control: look.rest[control] + away for control in free})
                for control in free:
                    if any(abs(seen[n] - last[n]) > _MOVES for n, found in reads.items() if control in found):
                        reach[control][side] = look.rest[control] + away
                last = seen
        ends.update({control: (low, high) for control, (low, high) in reach.items()})
    return ends


def _answers(
    look: _Look, reads: Dict[str, List[Control]], ends: Dict[Control, Tuple[float, float]]
) -> Pieces[List[Answer]]:
    found: List[Answer] = []
    for group in _rounds(reads):
        table: Dict[Control, List[float]] = {}
        for control in group:
            low, high = ends[control]
            even = [low + (high - low) * i / _STEPS for i in range(_STEPS + 1)]
            table[control] = sorted({*even, look.rest[control]}) if low < look.rest[control] < high else even
        length = max(len(values) for values in table.values())
        rows = []
        for i in range(length):
            yield
            rows.append(look.read({control: values[min(i, len(values) - 1)] for control, values in table.items()}))
        for control, values in table.items():
            keys = {
                name: [rows[i][name] for i in range(len(values))] for name, read in reads.items() if control in read
            }
            keys = {name: column for name, column in keys.items() if max(column) - min(column) > _MOVES}
            if keys:
                found.append(Answer(control, values, keys, look.rest[control]))
    return found


def _chosen(face: bpy.types.Object, reads: Dict[str, List[Control]], answers: List[Answer]) -> Pieces[Controls]:
    """One control for each key, and of keys that a control moves together one that is solved."""
    chosen, joints = Controls(), joints_of_file()
    strength = {(one.control, name): max(column) - min(column) for one in answers for name, column in one.keys.items()}
    owner: Dict[str, Control] = {}
    for name in reads:
        able = [one.control for one in answers if name in one.keys]
        if not able:
            chosen.unsolved.append(f"no control moves {name}")
            chosen.named.add(name)
            continue
        owner[name] = max(able, key=lambda control: (round(strength[control, name], 3), -able.index(control)))
    fighting = {
        name
        for name, control in owner.items()
        if any(
            other in owner.values() and other != control and name in one.keys
            for one in answers
            for other in [one.control]
        )
    }
    if fighting:
        chosen.unsolved.append(f"several controls move {', '.join(sorted(fighting)[:5])}")
        chosen.named |= fighting
    for one in answers:
        keys = {name: column for name, column in one.keys.items() if owner.get(name) == one.control}
        keys = {name: column for name, column in keys.items() if name not in fighting}
        if not keys:
            continue
        moved: Dict[str, array[float]] = {}
        for name in keys:
            yield
            moved[name] = _moved(face, name)
        size = {name: _dot(move, move) for name, move in moved.items()}
        leaders: List[str] = []
        for name in sorted(keys, key=lambda name: -size[name]):
            tie = next((lead for lead in leaders if _tied(keys[lead], keys[name])), None)
            if tie is None:
                leaders.append(name)
                chosen.reach[name] = min(keys[name]), max(keys[name])
                continue
            slope = _slope(keys[tie], keys[name])
            chosen.tied[name] = {tie: slope}
        products = {(a, b): _dot(moved[a], moved[b]) for a in leaders for b in leaders}
        chosen.answers.append(
            Answer(
                one.control,
                one.values,
                {name: keys[name] for name in leaders},
                one.rest,
                products,
                is_joint(one.control, joints),
            )
        )
    return chosen


def _tied(leader: List[float], other: List[float]) -> bool:
    """Whether two keys move at the same values of their control, and not each on its side."""
    rest_a, rest_b = min(leader, key=abs), min(other, key=abs)
    both = sum(abs(a - rest_a) > _MOVES and abs(b - rest_b) > _MOVES for a, b in zip(leader, other, strict=True))
    either = sum(abs(b - rest_b) > _MOVES for b in other)
    return both > 0.5 * either


def _slope(leader: List[float], other: List[float]) -> float:
    mean_a, mean_b = sum(leader) / len(leader), sum(other) / len(other)
    across = sum((a - mean_a) * (b - mean_b) for a, b in zip(leader, other, strict=True))
    return across / sum((a - mean_a) ** 2 for a in leader)


def _moved(face: bpy.types.Object, name: str) -> array[float]:
    """What a key moves, at some of the vertices."""
    block = key_blocks(face)[name]
    count = len(face.data.vertices)
    own, base = raw_places(block, count), raw_places(block.relative_key, count)
    step = max(1, count // 4000)
    return array(
        "f",
        (own[3 * v + i] - base[3 * v + i] for v in range(0, count, step) for i in range(3)),
    )


def _dot(first: array[float], second: array[float]) -> float:
    return 1e6 * sum(a * b for a, b in zip(first, second, strict=True))
