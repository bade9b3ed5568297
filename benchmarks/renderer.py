"""Times of the renderer on the given head, and a picture of it.

Usage: python -m benchmarks.renderer [--rig RIG.npz] [--out DIR]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from solver_core.color.srgb import srgb_encode
from solver_core.look.look import Look
from solver_core.render.renderer import Renderer
from solver_core.render.sampling import visible_points
from solver_core.render.shading import vertex_normals, vertex_normals_jvp
from solver_core.render.transfer import shadow_transfer

ROOT = Path(__file__).resolve().parents[1]
SKIN = [0.45, 0.30, 0.23]


def load(path):
    """Neutral [V,3], triangles [T,3], deltas by name."""
    rig = np.load(path)
    polygons = np.split(rig["poly_vertices"], np.cumsum(rig["poly_sizes"])[:-1])
    triangles = [[p[0], p[n], p[n + 1]] for p in polygons for n in range(1, len(p) - 1)]
    deltas = dict(zip(map(str, rig["expression_names"]), rig["expression_deltas"], strict=True))
    return rig["neutral"].astype(float), np.array(triangles, np.int32), deltas


def turn(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def project(vertices, size, focal=1.9, distance=0.7):
    """A camera in front of the face (it looks along +Y)."""
    depth = vertices[..., 1] + distance
    scale = focal * size / depth
    return np.stack([size / 2 + scale * vertices[..., 0], 0.47 * size - scale * vertices[..., 2]], -1), depth


def side_light():
    light = np.zeros((9, 3))
    light[0], light[3], light[1], light[2] = 1.9, [1.2, 1.05, 0.9], -0.7, 0.6
    return light


def best(repeats, function, *arguments, **named):
    function(*arguments, **named)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments, **named)
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def table(vertices, triangles, repeats):
    renderer = Renderer(triangles)
    look = Look(np.tile(SKIN, (len(vertices), 1)), (side_light(),))
    print(f"{len(triangles)} triangles; milliseconds an image, best of {repeats}")
    print("| size | batch | z-buffer | render | render + 6 tangents | + 60 tangents |")
    print("| --- | --- | --- | --- | --- | --- |")
    for size, batch in ((192, 1), (192, 8), (256, 1), (256, 8)):
        turned = np.stack([vertices @ turn(0.05 * b + 0.3).T for b in range(batch)])
        points, depth = project(turned, size)
        normals = vertex_normals(turned, triangles)
        inputs = (points, depth, normals, look, None, size, size)
        cells = [
            best(repeats, renderer.rasterise, points, depth, size, size),
            best(repeats, renderer.render, *inputs),
        ]
        rng = np.random.default_rng(0)
        for parameters in (6, 60):
            tangents = {
                name: rng.normal(size=(batch, parameters, *shape)).astype(np.float32)
                for name, shape in (
                    ("d_points", points.shape[1:]),
                    ("d_depth", depth.shape[1:]),
                    ("d_normals", normals.shape[1:]),
                )
            }
            cells.append(best(max(2, repeats // 3), renderer.render_jvp, *inputs, **tangents))
        print(f"| {size} | {batch} | " + " | ".join(f"{cell / batch:.1f}" for cell in cells) + " |")
    d_vertices = np.random.default_rng(0).normal(size=(1, 60, *vertices.shape)).astype(np.float32)
    points, depth = project(vertices[None], 192)
    fragments = renderer.rasterise(points, depth, 192, 192)
    places = np.random.default_rng(0).uniform(40, 150, (1, 468, 2))
    print(f"vertex normals {best(repeats, vertex_normals, vertices[None], triangles):.1f} ms")
    print(f"their 60 tangents {best(3, vertex_normals_jvp, vertices[None], triangles, d_vertices):.1f} ms")
    located = best(repeats, visible_points, fragments, points, depth, triangles, places)
    print(f"468 material points {located:.1f} ms")


def picture(vertices, triangles, deltas, out):
    """Neutral and an expression, lit from the side: open sky, with the head's own shadow, and aliased.

    The last enlarged.
    """
    smile = vertices + 0.7 * deltas["jawOpen"] + 0.6 * deltas["mouthSmile_L"] + 0.6 * deltas["mouthSmile_R"]
    turns = np.stack([turn(0.0), turn(0.5)])
    posed = np.einsum("bij,bvj->bvi", turns, np.stack([vertices, smile]))
    start = time.perf_counter()
    shadow = shadow_transfer(vertices, triangles)
    print(f"shadow transfer, 128 directions: {time.perf_counter() - start:.2f} s")
    renderer, albedo = Renderer(triangles), np.tile(SKIN, (len(vertices), 1))
    rows = []
    for size, enlarge in ((448, 1), (112, 4)):
        points, depth = project(posed, size)
        normals = vertex_normals(posed, triangles)
        plain, shaded = (
            renderer.render(points, depth, normals, look, None, size, size, head_rotation=turns)
            for look in (Look(albedo, (side_light(),)), Look(albedo, (side_light(),), shadow))
        )
        views = (
            [*plain.image, *shaded.image] if enlarge == 1 else [*shaded.image, *srgb_encode(shaded.surface.clip(0, 1))]
        )
        rows.append(np.concatenate([v.repeat(enlarge, 0).repeat(enlarge, 1) for v in views], 1))
    out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / "renderer.png"), (np.concatenate(rows)[..., ::-1] * 255 + 0.5).astype(np.uint8))
    print(f"{out / 'renderer.png'}: open sky and with shadow; below, antialiased and aliased, four times enlarged")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rig", type=Path, default=ROOT.parent / "shared/rigs/ict_face.npz")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/out")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    vertices, triangles, deltas = load(options.rig)
    picture(vertices, triangles, deltas, options.out)
    table(vertices, triangles, options.repeats)


if __name__ == "__main__":
    main()
