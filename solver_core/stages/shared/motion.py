"""The motion from frame to frame: which frames temporal refinement changes, and how smoothly the head moves on."""

from __future__ import annotations

import numpy as np

from solver_core import protocol
from solver_core.common.arrays import Ints, spread
from solver_core.energies.link import Link
from solver_core.energies.smoothing import PictureSmoothLink, SmoothLink
from solver_core.face.rig import SurfacePoints
from solver_core.stages.context import Context
from solver_core.stages.shared.priors import PIXEL

SAMPLES = 200  # points of the surface whose motion is smoothed
NOTHING_TO_REFINE = "The amount of temporal refinement is 0: it changes nothing."


def refined_frames(context: Context) -> Ints:
    """Indices of the frames that refinement changes: solved now or filled in before, not given.

    There are none where the amount is 0.
    """
    if context.shot.settings.refinement <= 0:
        return np.array([], int)
    filled = [i for i, one in context.filled.items() if one.status != protocol.FRAME_FAILED]
    return np.union1d(context.solvable, np.array(filled, int))


def followed_frames(context: Context) -> Ints:
    """Indices of those among them that are more than interpolated between their neighbours."""
    frames = refined_frames(context)
    interpolated = [i for i, one in context.filled.items() if one.status == protocol.INTERPOLATED]
    return np.setdiff1d(frames, np.array(interpolated, int))


def smoothing(context: Context, moving: set[int], sigma: float, *, picture: bool = False) -> list[Link]:
    """The moving frames go on as the head moved before, over their ends too.

    Frames that stand for nothing do not count.

    Args:
        context: the solve.
        moving: indices of the frames.
        sigma: metres, the second difference over frames of film that costs one residual. Over the shorter frames of a
            quicker shot the same acceleration is less, by the square. A slower shot keeps it: over its longer frames
            flow is coarser, and needs as much help.
        picture: whether the motion is that in the cameras' pictures, as the paper has it, instead of in the world.
    """
    points = sample_points(context)
    sigma = sigma / max(context.shot.pace, 1.0) ** 2
    usable = context.known.copy()
    usable[list(moving)] = True
    links: list[Link] = []
    for middle in range(1, len(context.pose) - 1):
        three = (middle - 1, middle, middle + 1)
        if moving & set(three) and usable[list(three)].all() and not context.cuts[middle - 1 : middle + 1].any():
            links += _in_pictures(context, three, points, sigma) if picture else [SmoothLink(three, points, sigma)]
    return links


def _in_pictures(context: Context, three: tuple[int, int, int], points: SurfacePoints, sigma: float) -> list[Link]:
    """One for each camera that sees the face in all three frames; sigma in metres of a head that fills its crop."""
    links: list[Link] = []
    for view in context.views:
        if view.seen[list(three)].all():
            unit = float(view.unit(np.array([three[1]]))[0])
            before, here, after = (view.camera[i : i + 1] for i in three)
            pixels = unit * sigma / (PIXEL * context.rig.radius)
            links.append(PictureSmoothLink(three, (before, here, after), points, pixels))
    return links


def sweeps_of(context: Context, sweeps: int) -> int:
    """How many sweeps do at this shot's rate what so many do at film's.

    In each, a change goes from frame to frame, as heat does.
    """
    return round(sweeps * max(context.shot.pace, 1.0) ** 2)


def sample_points(context: Context) -> SurfacePoints:
    """[1,SAMPLES] points of the head, evenly over its triangles."""
    triangles = np.flatnonzero(context.face_triangles)
    chosen = spread(triangles, SAMPLES)
    return context.rig.sample(chosen[None], np.full((1, len(chosen), 3), 1 / 3))
