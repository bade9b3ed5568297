"""The actor's head: a mesh with shape keys, evaluated as Blender does, and sampled at points of its surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints, Strings
from solver_core.common.errors import FaceSolveError
from solver_core.common.numbers import exact
from solver_core.common.reading import read_arrays, reading, why
from solver_core.face.jaw import FREEDOM, Carried, JawBone, JawMotion
from solver_core.face.pose import Pose

IDENTITY = "identity"  # the group of keys that make the head this actor's; no frame is solved for them
AGAIN = "Export the shot again from Blender."
WEAKEST = 1e-3  # a strength of 0 holds its key at zero; this does so without dividing by nothing
JAW_KEYS = 0.3  # strength of shape keys of the group `jaw` beside a jaw bone: they correct it, and do not do its work
FLAT = 0.004  # linear; the colours of a head that differ by less are one colour
ENORMOUS = 1e4  # scene units: a vertex or delta beyond this is a mistake, not a face


@dataclass(frozen=True)
class Rig:
    """V vertices, T triangles, K shape keys. Lengths are local units; `scale` takes them to metres."""

    neutral: Floats  # [V,3]
    triangles: Ints  # [T,3]
    names: tuple[str, ...]
    deltas: Floats  # [K,V,3]
    minimum: Floats  # [K]
    maximum: Floats  # [K]
    groups: tuple[str, ...]  # K
    solved: Bools  # [K] false: the key keeps the value it has
    strength: Floats  # [K] 1 by default; smaller holds a key nearer to zero
    scale: Floats  # [3]
    colors: Floats | None = None  # [V,3] albedo, linear
    jaw: JawBone | None = None
    identity: Bools | None = None  # [K] keys that fit_rig may set; None: those of the group IDENTITY

    @property
    def fittable(self) -> Ints:
        """Indices of the keys that fit_rig may set."""
        return np.flatnonzero(self.in_group(IDENTITY) if self.identity is None else self.identity)

    def in_group(self, group: str) -> Bools:
        """[K] which keys belong to a group."""
        return np.array([own == group for own in self.groups], bool)

    def as_actor(self, weights: Floats) -> Rig:  # [K]
        """The head with its identity keys' shapes at these weights in its neutral: what a face at rest looks like."""
        held = self.in_group(IDENTITY)
        if not (weights[held] != 0).any():
            return self
        shape = np.tensordot(weights[held].astype(np.float32), self.deltas[held], 1)
        return replace(self, neutral=self.neutral + shape)

    def local(self, weights: Floats, jaw: JawMotion | None = None) -> Floats:  # [B,K]
        """[B,V,3] vertices in metres before the rigid transform: x(w) of equation 1, the jaw bone after the shape keys."""
        flat = weights.astype(np.float32) @ self.deltas.reshape(len(self.names), self.neutral.size)
        vertices: Floats = (self.neutral + flat.reshape(len(weights), -1, 3)) * self.scale.astype(np.float32)
        if self.jaw is None or jaw is None:
            return vertices
        return vertices + self.jaw.shift(vertices, jaw, self.scale)

    def world(self, pose: Pose) -> Floats:
        """[B,V,3] vertices in world metres: x_R of equation 1."""
        return place(pose, self.local(pose.weights, pose.jaw))

    def sample(self, triangle: Ints, barycentric: Floats) -> SurfacePoints:  # [B,n], [B,n,3]
        """The material points at these places on the surface, for evaluation at any pose."""
        corners = self.triangles[triangle]  # [B,n,3]
        share = barycentric.astype(np.float32)
        points = SurfacePoints(*self._mixed(corners, share))
        if self.jaw is None:
            return points
        share *= self.jaw.weight[corners]
        return replace(points, carried=self._carried(share.sum(-1), *self._mixed(corners, share)))

    def every_vertex(self, count: int) -> SurfacePoints:
        """All vertices as material points of `count` frames."""
        scale = self.scale.astype(np.float32)
        neutral, deltas = self.neutral * scale, self.deltas * scale
        carried = None
        if self.jaw is not None:
            share = self.jaw.weight
            carried = self._carried(share[None], share[:, None] * neutral[None], share[:, None] * deltas[:, None])
            carried = carried[np.zeros(count, int)]
        return SurfacePoints(
            np.broadcast_to(neutral, (count, *neutral.shape)),
            np.broadcast_to(deltas[:, None], (len(self.names), count, *neutral.shape)),
            carried,
        )

    def _mixed(self, corners: Ints, share: Floats) -> tuple[Floats, Floats]:  # [B,n,3], [B,n,3]
        """Neutral [B,n,3] and deltas [K,B,n,3] of points between corners, metres."""
        scale = self.scale.astype(np.float32)
        neutral = np.einsum("bnc,bncx->bnx", share, self.neutral[corners]) * scale
        deltas = np.empty((len(self.names), *neutral.shape), np.float32)
        for key, delta in enumerate(self.deltas):
            np.einsum("bnc,bncx->bnx", share, delta[corners], out=deltas[key])
        return neutral, deltas * scale

    def _carried(self, share: Floats, neutral: Floats, deltas: Floats) -> Carried:
        """What the jaw bone carries: `share` [B,n] of points, and neutral and deltas times it."""
        assert self.jaw is not None
        axes = self.jaw.axes(self.scale)
        grip = self.jaw.grip(neutral, share, self.scale)
        return Carried(axes, share, grip, deltas @ np.linalg.inv(axes).T)

    @property
    def jaw_columns(self) -> Ints:
        """What `keys` of a step and of a derivative call the jaw's parameters: K to K+5, K to K+2 where it does not slide."""
        first = len(self.names)
        return np.arange(first, first + (0 if self.jaw is None else FREEDOM if self.jaw.slides else 3))

    @property
    def radius(self) -> float:
        """Half the diagonal of the neutral's bounding box, metres: the scale of everything on this head."""
        box = self.neutral * self.scale
        return float(np.linalg.norm(box.max(0) - box.min(0)) / 2)


@dataclass(frozen=True)
class SurfacePoints:
    """n material points of the rig for each of B frames: blendshapes restricted to them."""

    neutral: Floats  # [B,n,3] metres
    deltas: Floats  # [K,B,n,3] metres
    carried: Carried | None = None  # the jaw bone's part of them

    def __getitem__(self, index: Ints) -> SurfacePoints:
        """Some of the frames."""
        carried = None if self.carried is None else self.carried[index]
        return SurfacePoints(self.neutral[index], self.deltas[:, index], carried)

    def local(self, weights: Floats, jaw: JawMotion | None = None) -> Floats:  # [B,K]
        """[B,n,3] before the rigid transform."""
        points = self.neutral + np.einsum("bk,kbnx->bnx", weights.astype(np.float32), self.deltas, optimize=True)
        if self.carried is None or jaw is None:
            return points
        return points + self.carried.shift(weights, jaw)

    def world(self, pose: Pose) -> Floats:
        """[B,n,3] world metres."""
        return place(pose, self.local(pose.weights, pose.jaw))

    def world_derivative(self, pose: Pose, keys: Ints) -> Floats:
        """[B,n,3,6+len(keys)] derivative of the world point by rotation vector, translation and what `keys` names.

        Args:
            pose: B frames.
            keys: indices of the shape keys wanted; `Rig.jaw_columns` among them mean the jaw's parameters.
        """
        arm = place(pose, self.local(pose.weights, pose.jaw)) - pose.translation[:, None]
        out = np.zeros((*arm.shape, 6 + len(keys)), np.float32)
        x, y, z = arm[..., 0], arm[..., 1], arm[..., 2]
        # d(exp(omega) arm)/d omega at 0 is the cross product omega x arm
        out[..., 0, 1], out[..., 0, 2] = z, -y
        out[..., 1, 0], out[..., 1, 2] = -z, x
        out[..., 2, 0], out[..., 2, 1] = y, -x
        out[..., range(3), range(3, 6)] = 1.0
        rotation = pose.rotation.astype(np.float32)
        out[..., 6:] = np.einsum("bxy,kbny->bnxk", rotation, self._local_derivative(pose, keys), optimize=True)
        return out

    def _local_derivative(self, pose: Pose, keys: Ints) -> Floats:
        """[len(keys),B,n,3]."""
        if self.carried is None or pose.jaw is None:
            return self.deltas[keys]
        shape = keys[keys < len(self.deltas)]
        out = np.empty((len(keys), *self.neutral.shape), np.float32)
        out[keys < len(self.deltas)] = self.deltas[shape] + self.carried.by_keys(shape, pose.jaw)
        if len(shape) < len(keys):
            by_jaw = self.carried.by_jaw(pose.weights, pose.jaw)
            out[keys >= len(self.deltas)] = by_jaw[keys[keys >= len(self.deltas)] - len(self.deltas)]
        return out


def place(pose: Pose, local: Floats) -> Floats:  # local [B,n,3]
    """The rigid part of equation 1. Kept in float64: a face stands metres from the origin and errors are micrometres."""
    return local @ pose.rotation.swapaxes(1, 2) + pose.translation[:, None]


def load_rig(path: Path) -> Rig:
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
    corrects = rig.in_group("jaw") & (rig.jaw is not None)
    return replace(rig, strength=np.maximum(np.where(corrects, JAW_KEYS * rig.strength, rig.strength), WEAKEST))


def check_rig(rig: Rig) -> None:
    """Refuse what cannot be solved, in the artist's words.

    Raises:
        FaceSolveError: two shape keys of one name, values that are not numbers, enormous values, contradictory slider ranges of keys that are
            solved or fitted, a negative strength, a scale of zero.
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
    if rig.jaw is not None:
        _check_jaw(rig.jaw)
    moved = rig.solved.copy()
    moved[rig.fittable] = True
    for name, low, high, moves in zip(rig.names, rig.minimum, rig.maximum, moved, strict=True):
        if np.isnan(low + high) or (moves and not low < high):
            raise FaceSolveError(
                f"The slider of shape key {name} goes from {low:g} to {high:g}.",
                "Give it a range, or exclude the key." if moves else "Give it a range.",
            )


def _volume(rig: Rig) -> float:
    """What the triangles enclose, seen from the middle of the vertices: below 0 where they face inward."""
    points = (rig.neutral * rig.scale).astype(np.float64)
    a, b, c = np.moveaxis((points - points.mean(0))[rig.triangles], 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


def _check_jaw(jaw: JawBone) -> None:
    if not (np.isfinite(jaw.rest).all() and abs(np.linalg.det(jaw.rest)) > 1e-12):
        raise FaceSolveError("The jaw bone has a scale of zero.", "Give its armature a scale that is not zero.")
    if not (np.isfinite(jaw.weight).all() and jaw.weight.min() >= 0 and jaw.weight.max() <= 1 + 1e-4):
        raise FaceSolveError(
            "A weight of the jaw bone's vertex group is not between 0 and 1.", "Normalise its weights."
        )
    if not jaw.weight.any():
        raise FaceSolveError(
            "The jaw bone moves no vertex of the face.", "Give its vertex group weights, or choose another bone."
        )


def _rig(data: dict[str, np.ndarray]) -> Rig:
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
    return Rig(
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
        jaw=_jaw(take, vertices) if "jaw_weight" in data else None,
        identity=take("identity", (keys,), np.bool_) if "identity" in data else None,
    )


def _jaw(take: Callable[..., np.ndarray], vertices: int) -> JawBone:
    return JawBone(
        take("jaw_weight", (vertices,), np.float32),
        take("jaw_rest", (4, 4), np.float64),
        bool(take("jaw_slides", (), np.bool_, default=True)),
    )
