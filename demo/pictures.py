"""What the demo shows: the plate beside the solved head drawn over it, as a movie, and the error curve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from solver_core.documents.shot import Shot
from solver_core.face.pose import Pose
from solver_core.face.rig import unmoved
from solver_core.look.look import Look
from solver_core.render.renderer import Renderer
from solver_core.render.shading import sh_basis, vertex_normals
from solver_core.report.compare import MEASURES

mpl.use("Agg")
from matplotlib import pyplot as plt

Picture = npt.NDArray[np.uint8]
LINE = np.array([0.15, 1.0, 0.55])  # sRGB, 0 to 1


class Overlay:
    """Draws the solved head's surface and grid over the plate.

    Args:
        shot: cameras and rig.
        take: the solved frames, in the order of `shot.frames`.
        grid: [V] 1 at the vertices on the lines to draw, 0 elsewhere.
    """

    def __init__(self, shot: Shot, take: Pose, grid: npt.NDArray[np.float64]) -> None:
        self.camera, self.rig, self.take = shot.cameras[0], shot.rig, take
        surface = np.where(grid[:, None] > 0, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])  # red: lines; blue: the rest
        self.renderer = Renderer(self.rig.triangles)
        flat = np.zeros((9, 3))
        flat[0] = 1 / sh_basis(np.array([[0.0, 0.0, 1.0]]))[0, 0]  # the same light from everywhere
        self.look = Look(surface, (flat,))

    def draw(self, index: int, plate: Picture) -> Picture:
        """[H,W,3] the plate with the head of frame `index` of the shot over it."""
        local = self.rig.local(unmoved(self.take.weights[index : index + 1]))
        world = local @ self.take.rotation[index].T + self.take.translation[index]
        points, depth = self.camera[index : index + 1].project(world)
        normals = vertex_normals(world, self.rig.triangles)
        height, width = plate.shape[:2]
        black = np.zeros((1, height, width, 3), np.float32)
        drawn = self.renderer.render(points, depth, normals, self.look, black, height, width).linear[0].clip(0, 1)
        line, covered = np.clip(2.5 * drawn[..., :1] - 1.5, 0, 1), drawn.max(-1, keepdims=True)
        shown = plate / 255.0 * (1 - 0.1 * covered)
        return np.rint(255 * (shown * (1 - 0.7 * line) + LINE * 0.7 * line)).astype(np.uint8)


def side_by_side(
    path: Path, shot: Shot, overlay: Overlay, plate_of: Callable[[int], Path], done: Callable[[], None]
) -> None:
    """Writes the movie: the plate, and the plate with the solved head over it; `done` is called after each frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as movie:
        encoder = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = movie.add_stream(encoder, rate=round(shot.fps))
        stream.width, stream.height, stream.pix_fmt = 2 * shot.cameras[0].width, shot.cameras[0].height, "yuv420p"
        stream.bit_rate = 6_000_000
        for index, frame in enumerate(shot.frames.tolist()):
            plate = cv2.cvtColor(cv2.imread(str(plate_of(frame))), cv2.COLOR_BGR2RGB)
            both = np.hstack([plate, overlay.draw(index, plate)])
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(both), "rgb24")))
            done()
        movie.mux(stream.encode())


def error_curve(
    path: Path,
    frames: npt.NDArray[np.int64],
    solved: dict[str, npt.NDArray[np.float64]],
    error_px: npt.NDArray[np.float64],
) -> None:
    """Draws every measure over the shot, and the add-on's own error in pixels, which needs no answer."""
    figure, axes = plt.subplots(4, 2, figsize=(11, 9), sharex=True)
    units = {"deg": "degrees", "mm": "millimetres", "mae": "weight", "px": "plate pixels"}
    curves = {**{name: solved[name] for name in MEASURES}, "landmark error_px": error_px}
    for axis, (name, values) in zip(axes.ravel(), curves.items(), strict=False):
        axis.plot(frames, values, ".-", color="#1a7f64", linewidth=1.2, markersize=4)
        axis.axhline(
            float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0,
            color="#999999",
            linewidth=0.8,
            linestyle="--",
        )
        axis.set_title(name.replace("_", " "), fontsize=10)
        axis.set_ylabel(units[name.rpartition("_")[2]], fontsize=8)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.25)
    axes[-1, -1].set_axis_off()
    for axis in (axes[-1, 0], axes[-2, 1]):
        axis.set_xlabel("frame")
        axis.tick_params(labelbottom=True)
    figure.suptitle("Error against the known answer (dashed: median)")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
