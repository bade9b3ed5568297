"""rig.npz: the head as the add-on writes it, read, checked and turned into a rig (docs/shot_format.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from solver_core.common.arrays import Strings
from solver_core.common.errors import FaceSolveError
from solver_core.common.numbers import exact
from solver_core.common.reading import read_arrays, reading, why
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.blocks import RIGID
from solver_core.face.joints import JAW, SHIFT, TURN, Joint

AGAIN = "Export the shot again from Blender."
WEAKEST = 1e-3  # a strength of 0 holds its key at zero; this does so without dividing by nothing
JAW_KEYS = 0.3  # strength of shape keys of the group `jaw` beside a jaw bone: they correct it, and do not do its work
FLAT = 0.004  # linear; the colours of a head that differ by less are one colour
ENORMOUS = 1e4  # scene units: a vertex or delta beyond this is a mistake, not a face


def load_rig(path: Path) -> BlendshapeRig:
    """Read rig.npz.

    Raises:
        FaceSolveError: naming the array or the shape key that is wrong.
    """
    if not path.is_file():
        raise FaceSolveError(f"The shot has no rig file {path.name}.", AGAIN)
    with reading(path, "The rig file", AGAIN):
        data = read_arrays(path)
    try:
        rig = _rig(data)
    except (KeyError, TypeError, ValueError) as error:
        raise FaceSolveError(f"The rig file {path} is malformed: {why(error)}.", AGAIN) from error
    check_rig(rig)
    corrects = rig.in_group(JAW) & (JAW in rig.joints)
    return replace(rig, strength=np.maximum(np.where(corrects, JAW_KEYS * rig.strength, rig.strength), WEAKEST))


def check_rig(rig: BlendshapeRig) -> None:
    """Refuse what cannot be solved, in the artist's words.

    Raises:
        FaceSolveError: two shape keys of one name, values that are not numbers, enormous values, contradictory slider
            ranges of keys that are solved or fitted, a negative strength, a scale of zero.
    """
    if len(set(rig.names)) < len(rig.names):
        twice = next(name for name in rig.names if rig.names.count(name) > 1)
        raise FaceSolveError(f"Two shape keys are called {twice}.", "Give every shape key its own name.")
    for what, values in [
        ("the Basis", rig.neutral),
        *((f"shape key {n}", d) for n, d in zip(rig.names, rig.deltas, strict=True)),
    ]:
        if not np.isfinite(values).all():
            raise FaceSolveError(f"A vertex of {what} is not a number.", "Repair or delete that shape key.")
        if np.abs(values).max(initial=0) > ENORMOUS:
            raise FaceSolveError(
                f"A vertex of {what} is over {ENORMOUS:g} units away.", "Repair or delete that shape key."
            )
    for name, strength in zip(rig.names, rig.strength, strict=True):
        if not 0 <= strength < np.inf:
            raise FaceSolveError(
                f"The strength of shape key {name} is {strength:g}.", "Give it a strength of 0 or more."
            )
    if not (np.isfinite(rig.scale) & (rig.scale != 0)).all():
        raise FaceSolveError(
            f"The face's scale is {', '.join(f'{s:g}' for s in rig.scale)}.", "Give the face a scale that is not zero."
        )
    if (np.abs(rig.scale) > ENORMOUS).any() or (np.abs(rig.scale) < 1 / ENORMOUS).any():
        raise FaceSolveError(
            f"The face's scale is {', '.join(f'{s:g}' for s in rig.scale)}.",
            f"Give the face a scale from {1 / ENORMOUS:g} to {ENORMOUS:g}.",
        )
    if np.prod(rig.scale) < 0 and _volume(rig) < 0:
        raise FaceSolveError(
            f"The face's scale, {', '.join(f'{s:g}' for s in rig.scale)}, turns it inside out.",
            "Apply the scale in Blender (Object, Apply, Scale), and export the shot again.",
        )
    if rig.colors is not None and not np.isfinite(rig.colors).all():
        raise FaceSolveError("A vertex colour of the face is not a number.", "Repair or delete the colour attribute.")
    for name, joint in rig.joints.items():
        _check_joint(name, joint)
    moved = rig.solved.copy()
    moved[rig.fittable] = True
    for name, low, high, moves in zip(rig.names, rig.minimum, rig.maximum, moved, strict=True):
        if np.isnan(low + high) or (moves and not low < high):
            raise FaceSolveError(
                f"The slider of shape key {name} goes from {low:g} to {high:g}.",
                "Give it a range, or exclude the key." if moves else "Give it a range.",
            )


def _volume(rig: BlendshapeRig) -> float:
    """What the triangles enclose, seen from the middle of the vertices: below 0 where they face inward."""
    points = (rig.neutral * rig.scale).astype(np.float64)
    a, b, c = np.moveaxis((points - points.mean(0))[rig.triangles], 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


def _check_joint(name: str, joint: Joint) -> None:
    if not (np.isfinite(joint.rest).all() and abs(np.linalg.det(joint.rest)) > 1e-12):
        raise FaceSolveError(f"The {name} bone has a scale of zero.", "Give its armature a scale that is not zero.")
    if not (np.isfinite(joint.weight).all() and joint.weight.min() >= 0 and joint.weight.max() <= 1 + 1e-4):
        raise FaceSolveError(
            f"A weight of the {name} bone's vertex group is not between 0 and 1.", "Normalise its weights."
        )
    if not joint.weight.any():
        raise FaceSolveError(
            f"The {name} bone moves no vertex of the face.", "Give its vertex group weights, or choose another bone."
        )
    if not (0 < joint.turn < np.inf and 0 < joint.shift < np.inf):
        raise FaceSolveError(
            f"The {name} bone's typical turn and shift are {joint.turn:g} and {joint.shift:g}.",
            "Give it numbers above 0.",
        )


def _rig(data: dict[str, np.ndarray]) -> BlendshapeRig:
    vertices, keys = len(data["neutral"]), len(data["names"])

    def take(name: str, shape: tuple[int, ...], kind: type, default: object = None) -> np.ndarray:
        value = data[name] if name in data or default is None else np.broadcast_to(np.asarray(default), shape)
        if value.shape != shape:
            raise ValueError(f"{name} has shape {value.shape}, expected {shape}")
        return exact(value, kind, name)

    triangles = take("triangles", (len(data["triangles"]), 3), np.int32)
    if len(triangles) == 0 or triangles.min() < 0 or triangles.max() >= vertices:
        raise ValueError("triangles name vertices that do not exist")
    names: Strings = data["names"]
    groups: Strings = data.get("groups", np.full(keys, "head"))
    for what, texts in (("names", names), ("groups", groups)):
        if texts.dtype.kind != "U" and texts.size:
            raise ValueError(f"{what} holds {texts.dtype}, not texts")
    if groups.shape != (keys,):
        raise ValueError(f"groups has shape {groups.shape}, expected {(keys,)}")
    colors = data.get("colors")
    if colors is not None and (colors.shape[:1] != (vertices,) or colors.shape[1:] not in {(3,), (4,)}):
        raise ValueError(f"colors has shape {colors.shape}, expected {(vertices, 4)}")
    colors = None if colors is None else exact(colors, np.float32, "colors")
    if colors is not None and np.ptp(colors[:, :3], axis=0).max() < FLAT:
        colors = None  # a material's one colour shows no brow and no lip: plates do
    return BlendshapeRig(
        neutral=take("neutral", (vertices, 3), np.float32),
        triangles=triangles,
        names=tuple(str(name) for name in names),
        deltas=take("deltas", (keys, vertices, 3), np.float32),
        minimum=take("minimum", (keys,), np.float64, 0.0),
        maximum=take("maximum", (keys,), np.float64, 1.0),
        groups=tuple(str(group) for group in groups),
        solved=take("solved", (keys,), np.bool_, default=True),
        strength=take("strength", (keys,), np.float64, 1.0),
        scale=take("scale", (3,), np.float64, 1.0),
        colors=None if colors is None else np.ascontiguousarray(colors[:, :3], np.float32),
        joints=_joints(data, take, vertices),
        identity=take("identity", (keys,), np.bool_) if "identity" in data else None,
    )


def _joints(data: Iterable[str], take: Callable[..., np.ndarray], vertices: int) -> dict[str, Joint]:
    """`joints/NAME/...`, in the file's order; files of schema 1 have a jaw alone, `jaw_...`."""
    joints = {}
    if "jaw_weight" in data:
        slides = take("jaw_slides", (), np.bool_, default=True).item()
        solved = np.arange(RIGID if slides else 3)
        joints[JAW] = Joint(take("jaw_weight", (vertices,), np.float32), take("jaw_rest", (4, 4), np.float64), solved)
    names = dict.fromkeys(name.split("/")[1] for name in data if name.startswith("joints/") and name.count("/") == 2)
    for name in names:
        where = f"joints/{name}"
        joints[name] = Joint(
            take(f"{where}/weight", (vertices,), np.float32),
            take(f"{where}/rest", (4, 4), np.float64),
            np.flatnonzero(take(f"{where}/solved", (RIGID,), np.bool_, default=True)),
            take(f"{where}/turn", (), np.float64, default=TURN).item(),
            take(f"{where}/shift", (), np.float64, default=SHIFT).item(),
        )
    return joints
