"""The paper's figures, made again for docs/paper.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from solver_core.common.arrays import Floats
from solver_core.face.pose import Pose
from solver_core.flow.colors import middlebury
from solver_core.look.synthesis import picture
from solver_core.observe.landmarks import landmarks_of
from solver_core.observe.observer import SIZE
from solver_core.render.shading import C0, C1, vertex_normals
from solver_core.stages.context import Context
from solver_core.stages.shared.light import estimate_lights

SIDE = 200  # pixels of a panel
PLATE, RENDER = (255, 220, 0), (0, 220, 255)  # RGB, as in the reports
INK = (30, 30, 30)
QUALITY = 88
WHITE = 0.8  # linear albedo of a head that shows the light alone


def panel(image: Floats, title: str) -> np.ndarray:
    """[SIDE + 18, SIDE, 3] uint8: a display-referred picture [S,S,3] under its title."""
    small = cv2.resize(np.clip(image, 0, 1).astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    out = np.full((SIDE + 18, SIDE, 3), 255, np.uint8)
    out[18:] = (small * 255 + 0.5).astype(np.uint8)
    cv2.putText(out, title, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.38, INK, 1, cv2.LINE_AA)
    return out


def save(rows: list[list[np.ndarray]], file: Path) -> None:
    """Rows of panels as one picture."""
    sheet = np.concatenate([np.concatenate(row, 1) for row in rows])
    file.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(file), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        raise OSError(f"{file} cannot be written")


def rendered(context: Context, camera: int, pose: Pose, index: int, **look: object) -> Floats:
    """[S,S,3] display-referred: the head over one plate's crop, behind it the plate."""
    view, frame = context.views[camera], np.array([index])
    shown = replace(context.look.under(context.look.lights[camera]), **look)
    plates = view.images(frame, SIZE)
    return picture(context.rig, context.renderer, view, pose, frame, SIZE, shown, plates).rendering.image[0]


def plate(context: Context, camera: int, index: int) -> Floats:
    """[S,S,3] display-referred."""
    return context.views[camera].images(np.array([index]), SIZE)[0]


def dotted(image: Floats, points: Floats, color: tuple[int, int, int]) -> Floats:
    """The picture with landmarks [L,2]."""
    out = image.copy()
    for x, y in points:
        cv2.circle(out, (round(float(x)), round(float(y))), 1, [c / 255 for c in color], -1, cv2.LINE_AA)
    return out


def overview(context: Context, index: int, file: Path) -> None:
    """Figure 1: model, albedo, light, render at the pose, and what the network says of render and plate."""
    estimate_lights(context)
    rig, pose = context.rig, context.pose[np.array([index])]
    neutral = pose[:]
    neutral.weights[:] = 0.0
    even = np.zeros((9, 3))
    even[0] = 1 / C0  # the same from all sides
    render, filmed = rendered(context, 0, pose, index), plate(context, 0, index)
    on_render, on_plate = (landmarks_of(context.network, image[None])[0] for image in (render, filmed))
    white = np.full((len(rig.neutral), 3), WHITE)
    save(
        [
            [
                panel(_normals(context, neutral, index), "(a) model, neutral"),
                panel(rendered(context, 0, neutral, index, lights=(even,), shadow=None), "(b) albedo"),
                panel(rendered(context, 0, neutral, index, albedo=white), "(b) light on a white head"),
            ],
            [
                panel(render, "(c, d) render at the solved pose"),
                panel(dotted(render, on_render, RENDER), "(e) N(F)"),
                panel(dotted(filmed, on_plate, PLATE), "(f) N(F*)"),
            ],
        ],
        file,
    )


def _normals(context: Context, pose: Pose, index: int) -> Floats:
    """The geometry alone: grey, lit from the camera."""
    view = context.views[0]
    towards = view.camera.world_to_camera[index, 2, :3]
    light = np.zeros((9, 3))
    light[0], light[1:4] = 0.5 / C0, 0.5 / C1 * towards[[1, 2, 0], None]
    normals = vertex_normals(context.rig.world(pose), context.rig.triangles)
    grey = np.full((normals.shape[1], 3), 0.3)
    return rendered(context, 0, pose, index, albedo=grey, lights=(light,), shadow=None)


def cameras(context: Context, takes: dict[str, Pose], index: int, file: Path) -> None:
    """Figure 3: both cameras' plates, and each take's render half over them."""
    estimate_lights(context)
    rows = []
    for camera, view in enumerate(context.views):
        filmed = plate(context, camera, index)
        row = [panel(filmed, f"camera {view.camera.name}: plate")]
        for name, pose in takes.items():
            render = rendered(context, camera, pose[np.array([index])], index)
            row.append(panel(_checked(filmed, render), f"{name}: plate and render"))
        rows.append(row)
    save(rows, file)


def _checked(first: Floats, second: Floats, squares: int = 8) -> Floats:
    """Two pictures in the squares of a chessboard: edges that run on across the squares lie on each other."""
    side = len(first) // squares
    y, x = np.mgrid[: len(first), : len(first)] // side
    return np.where(((x + y) % 2 == 0)[..., None], first, second)


def infill(context: Context, filled: Pose, straight: Pose, gap: list[int], file: Path) -> None:
    """Figures 2 and 4: plate, filled by flow, interpolated, and both flows in colours, over a gap and its ends."""
    estimate_lights(context)
    flow = context.flow
    columns = []
    for i in gap:
        number = int(context.shot.frames[i])
        at = np.array([i])
        known = i in (gap[0], gap[-1])
        filmed = plate(context, 0, i)
        by_flow, by_line = (rendered(context, 0, pose[at], i) for pose in (filled, straight))
        column = [
            panel(filmed, f"plate, frame {number}"),
            panel(by_flow, "known" if known else "by flow"),
            panel(by_line, "known" if known else "interpolated"),
        ]
        if i == gap[0]:
            blank = np.ones_like(filmed)
            column += [panel(blank, ""), panel(blank, "")]
        else:
            before = plate(context, 0, i - 1), rendered(context, 0, filled[at - 1], i - 1)
            pairs = [(before[0], filmed), (before[1], by_flow)]
            fields = [flow(first[None], second[None])[0] for first, second in pairs]
            longest = max(1.0, float(np.percentile(np.linalg.norm(fields[0], axis=-1), 98)))
            column += [
                panel(middlebury(field, longest), title)
                for field, title in zip(fields, ("flow of the plates", "flow of the renders"), strict=True)
            ]
        columns.append(np.concatenate(column))
    save([columns], file)
