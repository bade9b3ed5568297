"""Fits a stock rig to the faces of real clips and measures it against dlib's 68 landmarks, with and without the fit.

usage: python -m benchmarks.fit_clips [--shared ../shared] [--every 10] [--out benchmarks/out/fit] [--only face_a]
[--painted] [--no-movies]

The rig is the shared folder's ict_face.npz, with 100 identity shapes and without colours. The clips' cameras are
unknown: a 50 mm lens on a 36 mm sensor is taken, and the fit is asked for the focal length. Both ways are then solved
on every n-th frame by Solve Shot's own stages.

The judge knows nothing of the solver's networks: dlib's 68-point predictor (fetched once, 100 MB; trained on pictures
for research) in the plate,
against the same 68 points of the rig, found in two ways: "vertices" are those that the rig's makers chose for this
scheme, "portrait" are the places where dlib itself sees the points on a portrait of the neutral head, as it is fitted.
Printed: median over the frames of the mean distance, in plate pixels and in % of the distance between the outer corners
of the eyes, over the 51 points within the face. The 17 on the jaw line are left
out: in a picture they lie on the outline, on a rig at fixed vertices.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
from scipy.spatial import cKDTree

from benchmarks.stock_rig import ROOT, fitted_shot, write_rig
from solver_core.camera.camera import Camera
from solver_core.color.srgb import srgb_decode
from solver_core.documents.shot import Shot, load_shot
from solver_core.documents.solution import Solution
from solver_core.face.rig import Rig
from solver_core.fit_rig import fit_rig
from solver_core.look.look import Look
from solver_core.networks import weights
from solver_core.networks.sources import SdistMember
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals
from solver_core.service.listener import Silent
from solver_core.solve import solve

PREDICTOR = SdistMember(
    "face_recognition_models",
    "0.3.0",
    "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
    "face_recognition_models-0.3.0/face_recognition_models/models/shape_predictor_68_face_landmarks.dat",
    100_149_358,
)
PREDICTOR_SHA256 = "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f"
LENS, SENSOR = 50.0, 36.0  # millimetres: the guess that a fit starts from
DISTANCE = 0.6  # metres from the camera at which the head starts
PORTRAIT, GREY = 512, 0.35  # pixels, albedo
INNER = slice(17, 68)  # without the jaw line
EYES = (36, 45)
LIGHT = np.zeros((9, 3))
LIGHT[0], LIGHT[1:4] = 2.2, np.array([[-0.5], [0.6], [-0.9]])


def predictor() -> dlib.shape_predictor:
    """dlib's 68-point predictor, fetched once and verified."""
    file = weights.folder() / PREDICTOR.file
    if not file.exists():
        with tempfile.TemporaryDirectory() as scratch:
            print(f"fetching {PREDICTOR.described} ({PREDICTOR.size / 1e6:.0f} MB)")
            data = PREDICTOR.read(PREDICTOR.bring(Path(scratch), weights.folder()))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    if hashlib.sha256(file.read_bytes()).hexdigest() != PREDICTOR_SHA256:
        raise SystemExit(f"{file} is not the expected file: delete it")
    return dlib.shape_predictor(str(file))


def write_shot(folder: Path, movie: Path, data: np.lib.npyio.NpzFile, *, painted: bool = False) -> Shot:
    """A shot folder of a clip with the stock rig before a guessed camera."""
    folder.mkdir(parents=True, exist_ok=True)
    rig = write_rig(folder / "rig.npz", data, painted=painted)
    with av.open(str(movie)) as container:
        stream = container.streams.video[0]
        width, height, count, fps = stream.width, stream.height, stream.frames, float(stream.average_rate)
    focal = LENS / SENSOR * width
    # Blender's axes: the face looks along -Y, the camera stands before it and looks along +Y
    matrix = [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, -DISTANCE]]
    document = {
        "schema": 1,
        "name": movie.stem,
        "frames": list(range(1, count + 1)),
        "fps": fps,
        "rig": "rig.npz",
        "cameras": [
            {
                "name": "clip",
                "width": width,
                "height": height,
                "distortion": None,
                "intrinsics": [[focal, focal, width / 2, height / 2]] * count,
                "world_to_camera": [matrix] * count,
                "plate": {
                    "kind": "movie",
                    "path": str(movie),
                    "frames": list(range(1, count + 1)),
                    "colorspace": "sRGB",
                },
            }
        ],
        "initial": {
            "rotation": [np.eye(3).ravel().tolist()] * count,
            "translation": [[0, 0, 0]] * count,
            "weights": [[0] * len(rig.names)] * count,
        },
    }
    (folder / "shot.json").write_text(json.dumps(document))
    return load_shot(folder)


@dataclass
class Judge:
    """dlib's landmarks in the plate."""

    predict: dlib.shape_predictor
    vertices: np.ndarray  # [68] of the rig
    seen: dict[str, np.ndarray | None] = field(default_factory=dict)

    def look(self, picture: np.ndarray) -> np.ndarray | None:
        """[68,2] pixels, None where dlib's detector sees no face."""
        faces = dlib.get_frontal_face_detector()(picture, 1)
        if not faces:
            return None
        largest = max(faces, key=lambda box: box.area())
        # dlib's pixel centres are whole numbers
        return np.array([(p.x + 0.5, p.y + 0.5) for p in self.predict(picture, largest).parts()])

    def plate(self, name: str, picture: np.ndarray) -> np.ndarray | None:
        """`look`, once for each picture of that name."""
        if name not in self.seen:
            self.seen[name] = self.look(picture)
        return self.seen[name]

    def portrait(self, rig: Rig) -> tuple[np.ndarray, np.ndarray]:
        """Triangles [68] and barycentrics [68,3] where dlib sees the points on the neutral head."""
        points = (rig.neutral * rig.scale)[None].astype(float)
        focal, size = 5 * PORTRAIT / (2 * rig.radius), PORTRAIT
        from_front = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, -5]], float)
        from_front[:, 3] -= from_front[:, :3] @ ((points[0].max(0) + points[0].min(0)) / 2)
        camera = Camera("portrait", size, size, np.array([[focal, focal, size / 2, size / 2]]), from_front[None])
        pixels, depth = camera.project(points)
        normals = vertex_normals(points[0], rig.triangles)[None]
        shown = Renderer(rig.triangles).render(pixels, depth, normals, grey_look(rig), None, size, size)
        seen = self.look((np.clip(shown.image[0], 0, 1) * 255).astype(np.uint8))
        if seen is None:
            raise SystemExit("dlib sees no face in the rig's portrait")
        rows, columns = np.nonzero(shown.fragments.triangle[0] >= 0)
        nearest = cKDTree(np.stack([columns, rows], 1) + 0.5).query(seen)[1]
        place = 0, rows[nearest], columns[nearest]
        return shown.fragments.triangle[place], shown.fragments.barycentric[place]

    def measure(self, shot: Shot, solution: Solution, pictures: dict[int, np.ndarray]) -> np.ndarray:
        """[n,4] of every frame: vertices px, vertices %, portrait px, portrait %."""
        count, camera = len(solution.frames), shot.cameras[0]
        places = [
            np.broadcast_to(one, (count, *one.shape))
            for one in self.portrait(shot.rig.as_actor(shot.initial.weights[0]))
        ]
        by_portrait, _ = camera.project(shot.rig.sample(*places).world(solution.pose))
        by_vertex, _ = camera.project(shot.rig.world(solution.pose)[:, self.vertices])
        rows = []
        for i, frame in enumerate(solution.frames):
            seen = self.plate(f"{shot.name} {frame}", pictures[int(frame)])
            if seen is None or solution.status[i] == "failed":
                continue
            eyes = np.linalg.norm(seen[EYES[0]] - seen[EYES[1]]) / 100
            apart = [np.linalg.norm(one[i] - seen, axis=1)[INNER].mean() for one in (by_vertex, by_portrait)]
            rows.append((apart[0], apart[0] / eyes, apart[1], apart[1] / eyes))
        return np.array(rows)


def grey_look(rig: Rig) -> Look:
    """The rig of one colour in a plain light."""
    return Look(np.full((len(rig.neutral), 3), GREY), (LIGHT,))


def overlay(shot: Shot, solution: Solution, i: int, plate: np.ndarray, renderer: Renderer) -> np.ndarray:
    """The plate, the rig's wireframe over it, and the shaded head over it, side by side and twice as large."""
    rig, camera = shot.rig, shot.cameras[0].at(np.array([i]))
    world = rig.world(solution.pose[np.array([i])])
    pixels, depth = camera.project(world)
    normals = vertex_normals(world[0], rig.triangles)[None]
    large = cv2.resize(plate, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    behind = srgb_decode(large[None].astype(np.float32) / 255)
    shown = renderer.render(2 * pixels, depth, normals, grey_look(rig), behind, *large.shape[:2])
    shaded = (np.clip(shown.image[0], 0, 1) * 255).astype(np.uint8)
    seen = np.unique(shown.fragments.triangle[0])
    lines = _quads(2 * pixels[0], rig.triangles[seen[seen >= 0]])
    layer = large.copy()
    cv2.polylines(layer, list(np.round((lines - 0.5) * 16).astype(np.int32)), False, (90, 255, 120), 1, cv2.LINE_AA, 4)
    wire = cv2.addWeighted(large, 0.65, layer, 0.35, 0)
    return np.hstack([large, wire, cv2.addWeighted(large, 0.25, shaded, 0.75, 0)])


def _quads(pixels: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """[n,3,2] the two shorter sides of each triangle: the mesh's quads without their diagonals."""
    corners = pixels[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, -1, 1), axis=2)
    first = (sides.argmax(1)[:, None] + np.arange(1, 4)) % 3
    return np.take_along_axis(corners, first[..., None], 1)


def write_movie(path: Path, pictures: list[np.ndarray], fps: float) -> None:
    """An H.264 movie of the pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=max(1, round(fps)))
        stream.height, stream.width = (side // 2 * 2 for side in pictures[0].shape[:2])
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[: stream.height, : stream.width]), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_clip(movie: Path) -> dict[int, np.ndarray]:
    """Every frame, by its number from 1."""
    with av.open(str(movie)) as container:
        return {n: frame.to_ndarray(format="rgb24") for n, frame in enumerate(container.decode(video=0), start=1)}


def run(movie: Path, arguments: argparse.Namespace, data: np.lib.npyio.NpzFile, judge: Judge) -> None:
    """Fit, solve and judge one clip."""
    shot = write_shot(arguments.out / movie.stem, movie, data, painted=arguments.painted)
    started = time.perf_counter()
    fitted = fit_rig(shot, Silent(), focal=True)
    seconds = time.perf_counter() - started
    lens = LENS * fitted.focal[0]
    size = np.sqrt((fitted.weights**2).mean())
    print(
        f"{movie.stem}: fitted on frames {fitted.frames.tolist()} in {seconds:.0f} s; "
        f"lens {lens:.0f} mm, RMS identity weight {size:.2f}",
        flush=True,
    )
    pictures = read_clip(movie)
    wanted = np.arange(0, len(shot.frames), arguments.every)
    for label, one in (("stock rig", shot), ("fitted rig", fitted_shot(shot, fitted))):
        part = one.at(wanted)
        solution = solve(part, Silent())
        rows = judge.measure(part, solution, pictures)
        cells = [f"{np.median(rows[:, c]):.2f}" for c in range(4)]
        print(
            f"| {movie.stem}, {label} | {len(rows)} | "
            + " | ".join(cells)
            + f" | {np.nanmedian(solution.error_px):.2f} |",
            flush=True,
        )
        if not arguments.no_movies:
            renderer = Renderer(part.rig.triangles)
            shown = [overlay(part, solution, i, pictures[int(f)], renderer) for i, f in enumerate(part.frames)]
            write_movie(arguments.out / f"{movie.stem}_{label.split()[0]}.mp4", shown, part.fps / arguments.every)


def main() -> None:
    """Print a table row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--every", type=int, default=10, help="solve every n-th frame")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "out" / "fit")
    parser.add_argument("--only", help="one clip")
    parser.add_argument("--painted", action="store_true", help="the rig with plain brows, lips, teeth and eyes")
    parser.add_argument("--no-movies", action="store_true")
    arguments = parser.parse_args()
    data = np.load(arguments.shared / "rigs" / "ict_face.npz")
    judge = Judge(predictor(), data["landmark_vertices_68"])
    print("| clip | frames | vertices px | vertices % | portrait px | portrait % | solver's own error_px |")
    for movie in sorted((arguments.shared / "clips").glob("*.mp4")):
        if arguments.only in {None, movie.stem}:
            run(movie.resolve(), arguments, data, judge)


if __name__ == "__main__":
    main()
