"""3D-FAN: its soft-argmax, its derivative and its window.

Tested with the real architecture and a weight file of the real format.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from solver_core.camera.crop import Crop
from solver_core.common.errors import FaceSolveError
from solver_core.networks import fan, weights
from solver_core.networks.detector import Detection
from solver_core.networks.fan import Fan, soft_argmax
from solver_core.networks.regions import FACEMESH, FAN, PARTITION

pytest.importorskip("face_alignment", reason="the extra 'fan' is not installed")

SEEDS = st.integers(0, 2**32 - 1)
SIDE = 64  # pixels of the derivatives' images: the network takes any multiple of 64, and this is 16 times faster


def _file(path, hourglasses):
    """A file as its authors publish it (a state dict), of random weights; returns the ten digits for its name."""
    from face_alignment.models import FAN as Network  # noqa: N811

    torch.manual_seed(3)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(Network(hourglasses).state_dict(), path)
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def _install(monkeypatch, folder, hourglasses):
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(folder))
    published = weights.REGISTRY["fan"]
    digits = _file(weights.folder() / published.source.file, hourglasses)
    monkeypatch.setitem(weights.REGISTRY, "fan", replace(published, source_sha256=digits))
    monkeypatch.setattr(fan, "HOURGLASSES", hourglasses)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The architecture with one hourglass: a quarter of the work."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _install(monkeypatch, tmp_path_factory.mktemp("fan"), 1)
        return Fan()


def _brute_force(heatmap, beta=50.0):
    """Equation 3 as it is written, one pixel after the other."""
    height, width = heatmap.shape
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    total, place = 0.0, np.zeros(2)
    for r in range(row - 1, row + 2):
        for c in range(column - 1, column + 2):
            if 0 <= r < height and 0 <= c < width:
                weight = np.exp(beta * (heatmap[r, c] - heatmap[row, column]))
                total += weight
                place += weight * np.array([c + 0.5, r + 0.5])
    return place / total


@given(SEEDS, st.sampled_from([(64, 64), (5, 9), (2, 2), (1, 4)]))
@settings(max_examples=30, deadline=None)
def test_soft_argmax_is_equation_3(seed, shape):
    heatmaps = np.random.default_rng(seed).random((2, 3, *shape)) * 0.2
    places, peaks = soft_argmax(torch.from_numpy(heatmaps))
    expected = [[_brute_force(h) for h in row] for row in heatmaps]
    np.testing.assert_allclose(places.numpy(), expected, atol=1e-12)
    np.testing.assert_array_equal(peaks.numpy(), heatmaps.max(axis=(2, 3)))


@pytest.mark.parametrize("corner", [(0, 0), (0, 63), (63, 0), (63, 63), (0, 30), (30, 63)])
def test_at_the_border_the_patch_is_cut(corner):
    heatmap = torch.zeros(64, 64, dtype=torch.float64)
    heatmap[corner] = 0.01  # so low that its neighbours count too
    place, _ = soft_argmax(heatmap)
    np.testing.assert_allclose(place.numpy(), _brute_force(heatmap.numpy()), atol=1e-12)
    rows = [r for r in (corner[0] - 1, corner[0], corner[0] + 1) if 0 <= r < 64]
    assert min(rows) <= place[1] - 0.5 <= max(rows)


@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_its_derivative_equals_small_differences(seed):
    random = np.random.default_rng(seed)
    heatmap, direction = (torch.from_numpy(random.normal(size=(4, 8, 8)) * 0.1) for _ in range(2))
    _, moved = torch.func.jvp(lambda h: soft_argmax(h)[0], (heatmap,), (direction,))
    step = 1e-7
    difference = (soft_argmax(heatmap + step * direction)[0] - soft_argmax(heatmap - step * direction)[0]) / (2 * step)
    torch.testing.assert_close(moved, difference, rtol=1e-5, atol=1e-6)


def _blobs(centres, sigma=1.0):
    """Heatmaps as FAN is trained towards: a Gaussian of height 1 at each centre (x, y)."""
    y, x = np.mgrid[:64, :64] + 0.5
    squared = (x - centres[:, 0, None, None]) ** 2 + (y - centres[:, 1, None, None]) ** 2
    return np.exp(-squared / (2 * sigma**2))


def test_it_decodes_as_face_alignment_does_within_its_quarter_pixel(monkeypatch):
    """Theirs is the maximum's pixel, a quarter of a pixel towards the greater neighbour; ours lies on the same side."""
    from face_alignment import utils

    monkeypatch.setattr(utils, "_get_preds_fromhm", utils._get_preds_fromhm.py_func)  # compiling it takes seconds
    centres = np.random.default_rng(8).uniform(2, 62, (68, 2))
    heatmaps = _blobs(centres).astype(np.float32)
    theirs = utils.get_preds_fromhm(heatmaps[None])[0][0]
    ours = soft_argmax(torch.from_numpy(heatmaps))[0].numpy()
    assert np.abs(ours - theirs).max() <= 0.25 + 1e-5
    assert np.abs(ours - centres).max() <= 0.5 + 1e-5


def test_a_wide_blob_is_found_between_pixels():
    """Where a blob is wide enough for its neighbours to count, the place follows the centre and not the pixel."""
    places = np.array(
        [
            soft_argmax(torch.from_numpy(_blobs(np.array([[20.5 + d, 30.5]]), 4.0)))[0][0].numpy()
            for d in np.linspace(0, 0.45, 10)
        ]
    )
    assert (np.diff(places[:, 0]) > 0).all()
    np.testing.assert_allclose(places[0], (20.5, 30.5), atol=1e-9)
    np.testing.assert_allclose(places[:, 1], 30.5, atol=1e-9)


@given(SEEDS, st.integers(-20, 20), st.integers(-20, 20))
@settings(max_examples=20, deadline=None)
def test_the_place_moves_turns_and_mirrors_with_the_heatmap(seed, down, across):
    """By whole pixels, away from the border: a peak of random neighbours stands in an empty heatmap."""
    patch = np.random.default_rng(seed).random((3, 3)) * 0.05
    patch[1, 1] = 0.06

    def seen(row, column, peak):
        heatmap = np.zeros((64, 64))
        heatmap[row - 1 : row + 2, column - 1 : column + 2] = peak
        return soft_argmax(torch.from_numpy(heatmap))[0].numpy()

    x, y = seen(31, 31, patch)
    np.testing.assert_allclose(seen(31 + down, 31 + across, patch), (x + across, y + down), atol=1e-9)
    np.testing.assert_allclose(seen(31, 31, patch.T), (y, x), atol=1e-9)
    np.testing.assert_allclose(seen(32, 32, patch[::-1, ::-1]), (64 - x, 64 - y), atol=1e-9)


def test_the_sharper_the_softmax_the_nearer_the_peak_s_own_pixel():
    """From the patch's centre of mass to the maximum's pixel, with the paper's 50 in between."""
    heatmap = _blobs(np.array([[20.8, 30.5]]), 2.0)
    off = [float(soft_argmax(torch.from_numpy(heatmap), beta)[0][0, 0]) - 20.5 for beta in (1e-9, fan.BETA, 1e4)]
    assert fan.BETA == 50.0
    assert off[1] > off[2]
    np.testing.assert_allclose([off[0], off[2]], 0, atol=1e-6)


@given(st.floats(-3, 3), st.floats(20, 900))
@settings(max_examples=20, deadline=None)
def test_a_step_in_the_heatmap_is_a_turned_and_scaled_step_in_the_plate(angle, side):
    """The uncrop of Section 5, C^-1(S^-1(4 m)), by its own derivative.

    A step in the heatmap is four crop pixels, by the crop's scale and turn.
    """
    crop = Crop((300.0, 200.0), side, angle, 256)
    steps = np.array([[17.25, 40.5], [18.25, 40.5], [17.25, 41.5]])
    places = crop.to_plate(steps * fan.STRIDE)
    along, down = places[1] - places[0], places[2] - places[0]
    np.testing.assert_allclose(np.linalg.norm([along, down], axis=1), 4 * side / 256, rtol=1e-9)
    np.testing.assert_allclose(along @ down, 0, atol=1e-6 * side)
    np.testing.assert_allclose(np.linalg.det([along, down]), (4 * side / 256) ** 2, rtol=1e-9)  # not mirrored
    np.testing.assert_allclose(crop.inverse()[:, :2] @ (4.0, 0.0), along, atol=1e-9 * side)


def test_heatmap_to_plate_and_back(small, monkeypatch):
    """A point of the plate, painted into a heatmap where the crop has it, comes back to within half a heatmap pixel."""
    crop = small.crop_from_detection(Detection((100.0, 80.0, 260.0, 270.0), 1.0))
    wanted = np.random.default_rng(1).uniform((110, 80), (250, 270), (68, 2))
    heatmaps = torch.from_numpy(_blobs(crop.to_crop(wanted) / 4))[None]
    monkeypatch.setattr(small, "network", lambda _images: [heatmaps])
    points, presence = small(torch.zeros(1, 3, 256, 256, dtype=torch.float64))
    error = crop.to_plate(points[0].numpy()) - wanted
    assert np.abs(error).max() <= 2.0 * crop.scale + 1e-9  # half a heatmap pixel
    assert np.abs(error.mean(axis=0)).max() < 0.4 * crop.scale  # no half-pixel offset hides in the conventions
    assert presence == 1.0


def test_the_window_is_face_alignments_own():
    """Its transform maps the heatmap's corners to those of our window (it rounds down to whole pixels)."""
    from face_alignment.utils import transform_np

    box = np.array([301.0, 150.0, 480.0, 395.0])
    centre = (box[:2] + box[2:]) / 2 - (0, (box[3] - box[1]) * 0.12)
    scale = (box[2] - box[0] + box[3] - box[1]) / 195
    crop = fan.crop_from_face(tuple(box), 256)
    for corner in np.array([[0.0, 0.0], [64.0, 0.0], [64.0, 64.0], [31.0, 7.0]]):
        theirs = transform_np.py_func(corner, centre, scale, 64.0, True)
        assert np.abs(crop.to_plate(corner * 4) - theirs).max() < 1.0 + 1e-6


@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_the_window_moves_and_grows_with_the_landmarks(x, y, scale):
    points = np.random.default_rng(4).uniform(0, 100, (68, 2))
    crop, moved = (Fan.crop_from_landmarks(Fan, p) for p in (points, points * scale + (x, y)))
    np.testing.assert_allclose(moved.to_crop(points * scale + (x, y)), crop.to_crop(points), atol=1e-6)


def test_pushed_tangents_equal_forward_mode_differentiation(small):
    generator = torch.Generator().manual_seed(5)
    image = torch.rand(1, 3, SIDE, SIDE, generator=generator).double()
    tangents = torch.randn(1, 2, 3, SIDE, SIDE, generator=generator).double()
    tangents[:, 1] *= 300.0
    small.network.double()
    try:
        points, moved = small.jvp(image, tangents)
        expected, along = torch.func.jvp(lambda x: small._points(x)[0], (image,), (tangents[:, 0],))
        torch.testing.assert_close(points, expected)
        torch.testing.assert_close(moved[:, 0], along, rtol=1e-8, atol=1e-8)
        assert along.abs().max() > 0.01
        torch.testing.assert_close(moved[:, 1].abs().mean() / 300, moved[:, 0].abs().mean(), rtol=0.5, atol=0)
        step = 1e-9  # within the piece that the image lies in
        difference = (small(image + step * tangents[:, 0])[0] - small(image - step * tangents[:, 0])[0]) / (2 * step)
        torch.testing.assert_close(moved[:, 0], difference, rtol=1e-3, atol=1e-3)
    finally:
        small.network.float()


def test_tangents_are_linear_however_they_are_cut(small, monkeypatch):
    image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(6))
    tangent = torch.randn(3, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    monkeypatch.setattr(fan, "TANGENTS", 2)
    _, moved = small.jvp(image, torch.stack([tangent, 0 * tangent, -2 * tangent])[None])
    size = moved[0, 0].abs().max()
    torch.testing.assert_close(moved[0, 2], -2 * moved[0, 0], rtol=0, atol=1e-3 * float(size))
    assert not moved[0, 1].any()


def test_the_real_architecture_from_a_file_of_the_real_format(tmp_path, monkeypatch, face):
    _install(monkeypatch, tmp_path, 4)
    assert abs(weights.path("fan").stat().st_size - weights.REGISTRY["fan"].bytes) < 1e6
    network = Fan()
    crop = network.crop_from_detection(Detection((228.0, 186.0, 420.0, 378.0), 1.0))
    image = torch.from_numpy(crop.sample(face)).permute(2, 0, 1)[None]
    points, presence = network(image)
    assert points.shape == (1, 68, 2)
    assert ((points >= 0) & (points <= 256)).all()
    assert 0 <= presence <= 1


def test_without_the_file_its_name_and_the_command_are_said(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    with pytest.raises(FaceSolveError, match=r"3DFAN4-7835d9f11d\.pth\.tar.*weights fetch fan"):
        Fan()


def test_a_file_with_another_digest_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    _file(tmp_path / "weights" / "3DFAN4-7835d9f11d.pth.tar", 1)
    with pytest.raises(FaceSolveError, match="have been altered"):
        Fan()


def test_without_the_package_the_commands_are_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment.models", None)
    with pytest.raises(FaceSolveError, match=r"not installed.*face-solve\[fan\]"):
        Fan()


def test_the_layout_holds_together():
    everything = sorted(index for name in PARTITION for index in FAN.regions[name])
    assert everything == list(range(68))
    assert FAN.regions.keys() == FACEMESH.regions.keys()
    mirror = np.array(FAN.mirror)
    np.testing.assert_array_equal(mirror[mirror], np.arange(68))
    for name, indices in FAN.regions.items():
        other = name.replace("_right", "_left") if name.endswith("_right") else name
        if not name.endswith("_left"):
            assert set(mirror[list(indices)]) == set(FAN.regions[other]), name
    edges = {frozenset(edge) for edge in FAN.edges}
    assert edges == {frozenset(FAN.mirror[i] for i in edge) for edge in edges}


def test_the_mirror_is_face_alignments_own():
    from face_alignment.utils import shuffle_lr

    assert shuffle_lr(torch.arange(68)[:, None, None]).flatten().tolist() == list(FAN.mirror)
