"""A running fit of the rig to the actor: what the solver finds is set once, as values of shape keys and lenses."""

from __future__ import annotations

from typing import Dict, List, Optional

import bpy

from .. import compat
from ..problem import FaceSolveProblem
from ..scene.keys.record import Channel, weight_channels
from ..scene.keys.writer import find_actors, followers_left
from ..scene.rig.mesh import excluded_keys, identity_keys
from ..scene.setup.prechecks import enabled_cameras
from ..scene.shot.export import Plan
from ..worker.job import Fitted, Job, State
from .solve import SolveRun


class FitRun(SolveRun):
    """A job that ends with one set of values for the whole shot.

    Args:
        job, plan, title: as a `SolveRun` has them.
        lenses: focal length in millimetres by camera, as they were when the shot was written; empty where they are not
            fitted.
    """

    def __init__(self, job: Job, plan: Optional[Plan], title: str, lenses: Dict[str, float]) -> None:
        super().__init__(job, plan, title)
        self._lenses = lenses
        self._applied = False

    @property
    def changed(self) -> bool:
        """True once the values are set."""
        return self._applied

    def _advance(self) -> None:
        """Take what has arrived, and set it when it is all there."""
        super()._advance()
        if self.job.outcome.fitted is not None and not self._applied and self.problem is None:
            self._apply()

    def rewrite(self) -> None:
        """Nothing is set before the end, so an undo takes nothing away."""

    def failure(self) -> Optional[FaceSolveProblem]:
        """Why it failed; None where it did not."""
        if self.problem is None and self.job.state is State.FAILED:
            return FaceSolveProblem(self.job.outcome.message, self.job.outcome.remedy)
        return self.problem

    def verdict(self) -> str:
        """How it went, in one line."""
        outcome, fitted = self.job.outcome, self.job.outcome.fitted
        if fitted is None:
            return "Stopped; the rig is as it was."
        lenses = [_lens(name, mm, fitted) for name, mm in self._lenses.items()]
        said = [f"{len(fitted.weights)} identity shape keys", *lenses]
        return (
            f"Fitted {', '.join(said)} on {len(fitted.frames)} frames in {outcome.seconds:.0f} s: landmarks "
            f"{fitted.error_px[0]:.1f} px off before, {fitted.error_px[1]:.1f} px now. Solve the shot with it."
        )

    def _apply(self) -> None:
        fitted = self.job.outcome.fitted
        assert self.plan is not None
        assert fitted is not None
        scene, face = find_actors(self.plan)
        for one in [face, *followers_left(self.plan, scene)]:
            blocks = one.data.shape_keys.key_blocks
            for name, weight in fitted.weights.items():
                if name in blocks:
                    blocks[name].value = weight
        for name, millimetres in self._lenses.items():
            camera = scene.objects.get(name)
            if camera is not None and camera.type == "CAMERA":
                camera.data.lens = millimetres * fitted.focal[name]
        self._applied = True


def _lens(name: str, before: float, fitted: Fitted) -> str:
    """A camera's focal length, and how sure it is, in words; `before` in millimetres."""
    text = f"{name} {before * fitted.focal[name]:.1f} mm"
    if name not in fitted.focal_range:
        return text
    low, high = (before * factor for factor in fitted.focal_range[name])
    return f"{text} ({low:.1f} to {high:.1f})"


def fittable(settings: bpy.types.PropertyGroup) -> Dict[str, Channel]:
    """The face's shape keys that a fit may set: identity keys that are switched on, neither muted nor driven."""
    wanted = identity_keys(settings) - excluded_keys(settings)
    return {name: channel for name, channel in weight_channels(settings.face).items() if name in wanted}


def check_fit(settings: bpy.types.PropertyGroup, *, focal: bool) -> Dict[str, float]:
    """Refuse what cannot be fitted.

    Answers with the focal lengths in millimetres by camera, empty where they are not asked for.

    Raises:
        FaceSolveProblem: no identity keys, or keys and lenses that are animated and cannot hold one value.
    """
    keys = fittable(settings)
    if not keys:
        raise FaceSolveProblem(
            f"{settings.face.name} has no identity shape keys that can be fitted.",
            "Name them identity..., id_... or shape_001 and press Group by Name, or move keys to the group identity.",
        )
    moving = [name for name, channel in keys.items() if channel.find() is not None]
    if moving:
        raise FaceSolveProblem(
            f"The identity shape key {moving[0]} is animated.",
            "Delete its animation: it gets one value for the whole shot.",
        )
    return _lenses(enabled_cameras(settings)) if focal else {}


def _lenses(cameras: List[bpy.types.Object]) -> Dict[str, float]:
    for camera in cameras:
        data = camera.data
        drivers = data.animation_data.drivers if data.animation_data else ()
        if compat.find_curve(data, "lens", 0) is not None or any(one.data_path == "lens" for one in drivers):
            raise FaceSolveProblem(
                f"The focal length of {camera.name} is animated.", "Fit the rig without the focal length."
            )
        if data.library or data.override_library:
            raise FaceSolveProblem(
                f"{camera.name} is linked from another file.", "Make it local, or fit the rig without the focal length."
            )
        if sum(other.data == data for other in cameras) > 1:
            raise FaceSolveProblem(
                f"{camera.name} shares its lens with another camera.",
                "Make its data single-user, or fit the rig without the focal length.",
            )
    return {camera.name: camera.data.lens for camera in cameras}
