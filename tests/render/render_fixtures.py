"""Small scenes for the renderer's tests, and the slow, obvious z-buffer that is its oracle."""

import numpy as np

HEIGHT, WIDTH = 40, 48


def project(vertices, focal=60.0, distance=3.0, centre=(24.3, 20.1)):
    """A pinhole that looks along -Z from z = distance: [...,V,3] -> ([...,V,2] pixels, [...,V] metres)."""
    depth = distance - vertices[..., 2]
    u = centre[0] + focal * vertices[..., 0] / depth
    v = centre[1] - focal * vertices[..., 1] / depth
    return np.stack([u, v], -1), depth


def rotation(vector):
    """Rodrigues' formula."""
    angle = np.linalg.norm(vector)
    if angle == 0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def sphere(rings=12, sectors=16, radius=0.6):
    """Vertices [V,3] and triangles [T,3] of a closed ball, counterclockwise from outside."""
    vertices = [[0, radius, 0]]
    for r in range(1, rings):
        a = np.pi * r / rings
        for s in range(sectors):
            b = 2 * np.pi * (s + 0.37 * r) / sectors
            vertices.append([radius * np.sin(a) * np.cos(b), radius * np.cos(a), radius * np.sin(a) * np.sin(b)])
    vertices.append([0, -radius, 0])
    last = len(vertices) - 1

    def at(r, s):
        return 1 + (r - 1) * sectors + s % sectors

    triangles = []
    for s in range(sectors):
        triangles += [[0, at(1, s + 1), at(1, s)], [last, at(rings - 1, s), at(rings - 1, s + 1)]]
        for r in range(1, rings - 1):
            triangles += [[at(r, s), at(r, s + 1), at(r + 1, s)], [at(r + 1, s), at(r, s + 1), at(r + 1, s + 1)]]
    return np.array(vertices), np.array(triangles, np.int32)


def grid_scene(batch=2, n=7):
    """A waving open sheet before the camera, turned differently in each image.

    Returns vertices [B,V,3], triangles and the projection.
    """
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, n), np.linspace(-0.55, 0.55, n))
    sheet = np.stack([x, y, 0.1 * np.sin(4 * x) * np.cos(3 * y)], -1).reshape(-1, 3)
    cells = np.arange(n * n).reshape(n, n)[:-1, :-1].ravel()
    triangles = np.concatenate(
        [np.stack([cells, cells + 1, cells + n], 1), np.stack([cells + 1, cells + n + 1, cells + n], 1)]
    )
    turns = [rotation(np.array([0.1 * b, 0.3 - 0.5 * b, 0.2])) for b in range(batch)]
    return np.stack([sheet @ turn.T for turn in turns]), triangles.astype(np.int32), project


def brute_force(points, depth, triangles, height, width):
    """Every pixel against every triangle, in float64: (triangle [H,W], barycentric [H,W,3], depth [H,W])."""
    best = np.full((height, width), np.inf)
    seen = np.full((height, width), -1)
    weights = np.zeros((height, width, 3))
    y, x = np.mgrid[:height, :width] + 0.5
    for t, (i, j, k) in enumerate(triangles):
        a, b, c = points[i], points[j], points[k]
        if not np.isfinite([*a, *b, *c, *depth[[i, j, k]]]).all() or depth[[i, j, k]].min() <= 1e-4:
            continue
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        screen = (
            np.stack(
                [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((b, c), (c, a), (a, b))],
                -1,
            )
            / area
        )
        inside = np.ones((height, width), bool)
        for corner, (p, q) in enumerate(((b, c), (c, a), (a, b))):
            d = (q - p) * np.sign(area)
            top_left = d[1] < 0 or (d[1] == 0 and d[0] > 0)
            inside &= (screen[..., corner] > 0) | ((screen[..., corner] == 0) & top_left)
        over = screen / depth[[i, j, k]]
        z = 1 / np.where(inside, over.sum(-1), 1)
        nearer = inside & (z < best)
        best[nearer], seen[nearer] = z[nearer], t
        weights[nearer] = (over * z[..., None])[nearer]
    return seen, weights, best
