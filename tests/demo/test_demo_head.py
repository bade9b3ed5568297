"""The demo's head: a closed, symmetric, face-like mesh whose shape keys do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from demo import head as heads
from demo.sculpt import EYE, EYE_RADIUS
from solver_core.look.look import Look
from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.landmarks import Found, locate
from solver_core.networks.regions import FACEMESH
from solver_core.networks.short_range import ShortRangeDetector
from solver_core.render.renderer import Renderer
from solver_core.render.shading import vertex_normals

SIZE, FOCAL, DISTANCE = 480, 1150.0, 0.9  # pixels, pixels, metres
ARKIT = {
    "browDown",
    "browInnerUp",
    "browOuterUp",
    "cheekPuff",
    "cheekSquint",
    "eyeBlink",
    "eyeSquint",
    "eyeWide",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthFrown",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDown",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthSmile",
    "mouthStretch",
    "mouthUpperUp",
    "noseSneer",
}


@pytest.fixture(scope="module")
def head() -> heads.Head:
    return heads.build()


def posed(head: heads.Head, **weights: float) -> np.ndarray:
    return head.vertices + sum(w * head.deltas[head.names.index(n)] for n, w in weights.items())


def seen(vertices: np.ndarray, yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """World points, pixels [1,V,2] and depths [1,V] from a camera in front of a head turned by `yaw` degrees."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    world = vertices @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    depth = world[:, 1] + DISTANCE
    x, y = world[:, 0] / depth, world[:, 2] / depth
    return world, np.stack([SIZE / 2 + FOCAL * x, SIZE / 2 - FOCAL * (y - 0.02)], -1)[None], depth[None]


def test_size_names_and_proportions(head: heads.Head) -> None:
    assert len(head.vertices) >= 5000
    bare = {n.removesuffix("_L").removesuffix("_R") for n in head.names}
    assert len(head.names) >= 24
    assert bare <= ARKIT
    assert {f"{n[:-2]}_R" for n in head.names if n.endswith("_L")} == {n for n in head.names if n.endswith("_R")}
    skin = head.vertices[head.parts["skin"]]
    chin = skin[skin[:, 1] < -0.07, 2].min()
    assert 0.21 < skin[:, 2].max() - chin < 0.26  # metres
    assert np.isfinite(head.vertices).all()
    assert np.isfinite(head.deltas).all()
    assert ((head.colors > 0) & (head.colors < 1)).all()


def test_every_edge_belongs_to_two_faces_that_agree(head: heads.Head) -> None:
    edges = np.concatenate([head.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    ways = {tuple(e) for e in edges.tolist()}
    assert len(ways) == len(edges)
    assert all((b, a) in ways for a, b in ways)


def test_parts_are_spheres_that_face_outwards(head: heads.Head) -> None:
    t, v = head.triangles, head.vertices.astype(float)
    links = coo_matrix((np.ones(len(t) * 2), (np.r_[t[:, 0], t[:, 1]], np.r_[t[:, 1], t[:, 2]])), (len(v), len(v)))
    count, label = connected_components(links, directed=False)
    assert count == 8  # skin with its pockets, two eyeballs, two rows of teeth, tongue, two ears
    for part in range(count):
        own = t[label[t[:, 0]] == part]
        assert (label == part).sum() - len(own) * 3 // 2 + len(own) == 2  # Euler: no handles, no holes
        assert np.einsum("ij,ij->", v[own[:, 0]], np.cross(v[own[:, 1]], v[own[:, 2]])) > 0


def test_no_triangle_is_degenerate(head: heads.Head) -> None:
    a, b, c = (head.vertices[head.triangles[:, k]].astype(float) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    assert area.min() > 5e-11  # square metres
    assert np.median(area) > 2e-7


def test_neutral_is_symmetric(head: heads.Head) -> None:
    assert (head.mirror[head.mirror] == np.arange(len(head.mirror))).all()
    assert np.abs(head.vertices[head.mirror] * [-1, 1, 1] - head.vertices).max() < 1e-7


def test_left_and_right_keys_are_mirror_images(head: heads.Head) -> None:
    """Without the mesh's own mirror map: each (point, delta) on one side is found, mirrored, on the other."""
    flip = np.array([-1, 1, 1])
    pairs = [(n, f"{n[:-2]}_R") for n in head.names if n.endswith("_L")] + [
        ("mouthLeft", "mouthRight"),
        ("jawLeft", "jawRight"),
    ]
    for left, right in pairs:
        a, b = (head.deltas[head.names.index(n)] for n in (left, right))
        there = cKDTree(np.concatenate([head.vertices, 3 * b], 1))
        distance, _ = there.query(np.concatenate([head.vertices * flip, 3 * a * flip], 1))
        assert distance.max() < 1e-6, left
        assert np.abs(a - b).max() > 1e-3, left


def test_sides_act_on_their_side(head: heads.Head) -> None:
    for name in (n for n in head.names if n.endswith(("_L", "_R"))):
        length = np.linalg.norm(head.deltas[head.names.index(name)], axis=1)
        other = head.vertices[:, 0] * (1 if name.endswith("_L") else -1) < -0.015
        assert 0.002 < length.max() < 0.02, name
        assert length[other].max() < 0.05 * length.max(), name


def test_keys_bend_the_skin_without_tearing_it(head: heads.Head) -> None:
    """Along the skin's edges a full key stretches by a bounded factor, except where lips and lids open."""
    t = head.triangles
    edges = np.concatenate([t[:, [0, 1]], t[:, [1, 2]]])
    own = head.parts["skin"].stop
    edges = edges[(edges < own).all(1)]
    length = np.linalg.norm(np.diff(head.vertices[edges], axis=1)[:, 0], axis=1)
    for name in set(head.names) - {"jawOpen"}:
        jump = np.linalg.norm(np.diff(head.deltas[head.names.index(name)][edges], axis=1)[:, 0], axis=1)
        assert np.percentile(jump / (length + 3e-4), 99.9) < 1.6, name


@pytest.mark.parametrize("side", ["L", "R"])
def test_blink_hides_the_eyeball(head: heads.Head, side: str) -> None:
    part = head.parts[f"eyeball_{side}"]
    ball = ((head.triangles >= part.start) & (head.triangles < part.stop)).all(1)

    def visible(weight: float) -> int:
        _, points, depth = seen(posed(head, **{f"eyeBlink_{side}": weight}))
        shown = Renderer(head.triangles).rasterise(points, depth, SIZE, SIZE).triangle
        return int(ball[shown[shown >= 0]].sum())

    open_, half, closed = visible(0.0), visible(0.5), visible(1.0)
    assert open_ > 150
    assert 0.15 * open_ < half < 0.8 * open_
    assert closed <= 2


def test_lids_slide_outside_the_eyeball(head: heads.Head) -> None:
    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        margin = posed(head, eyeBlink_L=weight)[head.parts["lid_upper_L"]] * 1e3 * [1, -1, 1]
        assert np.linalg.norm(margin - EYE, axis=1).min() > EYE_RADIUS - 0.2


def test_jaw_opens_about_its_hinge(head: heads.Head) -> None:
    opened = posed(head, jawOpen=1.0)
    lower, upper = head.parts["teeth_lower"], head.parts["teeth_upper"]
    before, after = head.vertices[lower], opened[lower]
    pick = np.arange(0, len(before), 37)
    spread = [np.linalg.norm(p[pick][:, None] - p[pick][None], axis=2) for p in (before, after)]
    assert np.abs(spread[0] - spread[1]).max() < 1e-5  # a rigid turn
    assert np.abs(opened[upper] - head.vertices[upper]).max() == 0
    assert (before[:, 2] - after[:, 2]).max() > 0.02
    skull = head.vertices[:, 2] > 0.045
    assert np.abs(opened - head.vertices)[skull].max() < 5e-4
    neck = (head.vertices[:, 2] < -0.14) & (head.vertices[:, 1] > -0.06)
    assert np.abs(opened - head.vertices)[neck].max() < 1e-3
    lip = head.parts["lip_upper"]
    middle = (lip.start + lip.stop) // 2
    below = np.argsort(np.linalg.norm(head.vertices[head.parts["skin"]] - head.vertices[middle], axis=1))[0]
    assert opened[middle, 2] - opened[below, 2] > 0.015


def test_build_is_deterministic(head: heads.Head) -> None:
    again = heads.build.__wrapped__()
    assert (again.vertices == head.vertices).all()
    assert (again.deltas == head.deltas).all()
    assert (again.colors == head.colors).all()


@pytest.fixture(scope="module")
def networks() -> tuple[FaceMesh, ShortRangeDetector]:
    return FaceMesh(), ShortRangeDetector()


@pytest.mark.parametrize("yaw", [-40, -25, 0, 25, 40])
def test_networks_find_the_face(head: heads.Head, networks: tuple[FaceMesh, ShortRangeDetector], yaw: int) -> None:
    """The detector finds it, and FaceMesh puts eyes on eyes, lips on lips and brows on brows."""
    world, points, depth = seen(head.vertices, yaw)
    light = np.zeros((9, 3))
    light[0], light[1], light[2], light[3] = 2.6, -0.7, 0.7, -0.45  # all around; from the front, above and the side
    background = np.linspace(0.05, 0.3, SIZE)[:, None, None] * np.ones((1, SIZE, 3), np.float32)
    normals = vertex_normals(world[None], head.triangles)
    image = (
        Renderer(head.triangles)
        .render(points, depth, normals, Look(head.colors, (light,)), background[None], SIZE, SIZE)
        .image[0]
    )
    face_mesh, detector = networks
    detections = detector.detect(image)
    assert detections
    assert detections[0].score > 0.75
    found = locate(image, face_mesh, detector)
    assert isinstance(found, Found)
    assert found.presence > 0.9

    near = 1 if yaw >= 0 else -1  # the side that is turned to the camera is the actor's right for a positive yaw
    side, eye_part = ("right", "R") if near > 0 else ("left", "L")
    rim = [i for i in FACEMESH.regions["eye_rims"] if i in FACEMESH.regions[f"eyes_{side}"]]
    lid = head.parts[f"lid_upper_{eye_part}"]
    lips = head.parts["lip_upper"]
    width = np.ptp(points[0, head.front, 0])
    for landmarks, true in (
        (found.points[rim], points[0, lid]),
        (found.points[list(FACEMESH.regions["lips_inner"])], points[0, lips]),
    ):
        assert np.linalg.norm(landmarks.mean(0) - true.mean(0)) < 0.05 * width
        assert np.linalg.norm(np.ptp(landmarks, axis=0)[0] - np.ptp(true, axis=0)[0]) < 0.09 * width
