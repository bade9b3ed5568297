"""Textures become the mean colour around each vertex.

Tested on constants, ramps, boards finer and coarser than the mesh, seams and tiles.
"""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little_shot import START, changed

from solver_core.color.srgb import srgb_decode, srgb_encode
from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import load_shot
from solver_core.face.blendshapes import BlendshapeRig
from solver_core.look import texture as textures
from solver_core.look.texture import Layout, Texture, bilinear, load_linear, painted
from solver_core.service.listener import Silent
from solver_core.solve import Overrides, solve_folder

SIDE = 8  # quads along a side


def sheet(scale=(1.0, 1.0, 1.0), colors=None):
    """A square sheet with its UV map from corner to corner, v upwards."""
    x, y = np.meshgrid(np.linspace(0, 1, SIDE + 1), np.linspace(0, 1, SIDE + 1))
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], 1).astype(np.float32)
    a = np.array([row * (SIDE + 1) + column for row in range(SIDE) for column in range(SIDE)])
    triangles = np.concatenate([np.stack([a, a + 1, a + SIDE + 2], 1), np.stack([a, a + SIDE + 2, a + SIDE + 1], 1)])
    rig = BlendshapeRig(
        neutral=vertices,
        triangles=triangles,
        names=("k",),
        deltas=np.zeros((1, len(vertices), 3), np.float32),
        minimum=np.zeros(1),
        maximum=np.ones(1),
        groups=("mouth",),
        solved=np.ones(1, bool),
        strength=np.ones(1),
        scale=np.array(scale),
        colors=colors,
    )
    return rig, Layout(vertices[triangles][:, :, :2].astype(float), np.zeros(len(triangles), int))


def inside(rig):
    return ((rig.neutral[:, :2] > 0.01) & (rig.neutral[:, :2] < 0.99)).all(1)


def write(path, linear):
    """A 16-bit sRGB picture of linear colours [H,W,3]."""
    encoded = srgb_encode(np.clip(linear, 0, 1))[..., ::-1]
    cv2.imwrite(str(path), (encoded * 65535 + 0.5).astype(np.uint16))
    return str(path)


def colors_of(rig, layout, *images):
    painted_rig, said = painted(rig, layout, images)
    assert said == []
    return painted_rig.colors


@settings(max_examples=10, deadline=None)
@given(color=st.tuples(*[st.floats(0, 1)] * 3), width=st.integers(1, 70), height=st.integers(1, 70))
def test_one_colour_stays_that_colour_at_every_vertex(tmp_path_factory, color, width, height):
    rig, layout = sheet()
    path = write(tmp_path_factory.mktemp("texture") / "a.png", np.tile(color, (height, width, 1)))
    np.testing.assert_allclose(colors_of(rig, layout, Texture(path)), np.tile(color, (81, 1)), atol=2e-4)


@pytest.mark.parametrize("size", [32, 256, 1000])
def test_a_ramp_is_read_at_the_vertices_the_right_way_up(tmp_path, size):
    """The mean of a linear function over the even surroundings of a vertex is its value there.

    The coordinate v goes up, rows go down.
    """
    across, up = np.meshgrid((np.arange(size) + 0.5) / size, 1 - (np.arange(size) + 0.5) / size)
    rig, layout = sheet()
    found = colors_of(
        rig, layout, Texture(write(tmp_path / "a.png", np.stack([across, up, 0.5 * across + 0.5 * up], -1)))
    )
    x, y = rig.neutral[:, 0], rig.neutral[:, 1]
    expected = np.stack([x, y, (x + y) / 2], 1)
    np.testing.assert_allclose(found[inside(rig)], expected[inside(rig)], atol=2e-3)


def board(size, square):
    rows, columns = np.mgrid[:size, :size] // square
    return np.repeat(((rows + columns) % 2)[..., None], 3, 2).astype(float)


def test_a_board_finer_than_the_mesh_becomes_its_mean_in_linear_light(tmp_path):
    """Eight pixels of black and white to a quad: half the light, which is 0.735 in sRGB and not 0.5."""
    rig, layout = sheet()
    found = colors_of(rig, layout, Texture(write(tmp_path / "a.png", board(512, 8))))
    np.testing.assert_allclose(found[inside(rig)], 0.5, atol=0.02)


def test_a_board_coarser_than_the_mesh_keeps_its_squares(tmp_path):
    """Halves of four quads: a vertex whose quads lie in one square has its colour.

    One on the edge has the mean of both.
    """
    rig, layout = sheet()
    found = colors_of(rig, layout, Texture(write(tmp_path / "a.png", board(512, 256))))[:, 0].reshape(
        SIDE + 1, SIDE + 1
    )
    np.testing.assert_allclose(found[1:4, 1:4], 1, atol=0.02)  # bottom left: row 1, column 0 of the board
    np.testing.assert_allclose(found[1:4, 5:8], 0, atol=0.02)
    np.testing.assert_allclose(found[1:4, 4], 0.5, atol=0.05)


def test_both_sides_of_a_seam_count(tmp_path):
    """The left half lies on a white island, the right half on a black one: the seam's vertices are grey."""
    rig, layout = sheet()
    image = np.ones((64, 64, 3))
    image[:, 32:] = 0
    uv = layout.uv.copy()
    left = layout.uv[:, :, 0].mean(1) < 0.5
    uv[left] = uv[left] * 0.1 + 0.1
    uv[~left] = uv[~left] * 0.1 + 0.8
    found = colors_of(rig, replace(layout, uv=uv), Texture(write(tmp_path / "a.png", image)))[:, 0]
    x = rig.neutral[:, 0]
    np.testing.assert_allclose(found[x < 0.45], 1, atol=1e-3)
    np.testing.assert_allclose(found[x > 0.55], 0, atol=1e-3)
    seam = np.isclose(x, 0.5) & inside(rig)
    np.testing.assert_allclose(found[seam], 0.5, atol=1e-3)


def test_triangles_without_a_texture_keep_the_rig_s_own_colours(tmp_path):
    own = np.tile(np.array([0.1, 0.2, 0.3], np.float32), (81, 1))
    rig, layout = sheet(colors=own)
    upper = layout.uv[:, :, 1].mean(1) > 0.5
    layout = Layout(np.where(upper[:, None, None], np.nan, layout.uv), np.where(upper, -1, 0))
    found = colors_of(rig, layout, Texture(write(tmp_path / "a.png", np.full((8, 8, 3), 0.7))))
    np.testing.assert_array_equal(
        found[rig.neutral[:, 1] > 0.55], own[0][None].repeat((rig.neutral[:, 1] > 0.55).sum(), 0)
    )
    np.testing.assert_allclose(found[rig.neutral[:, 1] < 0.55], 0.7, atol=1e-3)


def test_several_textures_and_the_mesh_s_stretch(tmp_path):
    """Two images, one a half; larger triangles count more at the vertices between them, as they do in the world."""
    rig, layout = sheet()
    wide = replace(
        rig, neutral=np.where(rig.neutral > 0.5, 0.5 + 3 * (rig.neutral - 0.5), rig.neutral).astype(np.float32)
    )
    right = (layout.uv[:, :, 0].mean(1) > 0.5).astype(int)
    images = [Texture(write(tmp_path / f"{i}.png", np.full((8, 8, 3), value))) for i, value in enumerate((0.0, 0.8))]
    found = colors_of(wide, replace(layout, texture=right), *images)[:, 0].reshape(SIDE + 1, SIDE + 1)
    np.testing.assert_allclose(found[:, :4], 0, atol=1e-3)
    np.testing.assert_allclose(found[:, 5:], 0.8, atol=1e-3)
    np.testing.assert_allclose(found[2, 4], 0.8 * 3 / 4, atol=1e-3)


def test_outside_the_picture_goes_on_as_blender_s_node_does(tmp_path):
    image = np.zeros((4, 4, 3))
    image[:, 0] = 1.0
    linear = load_linear(write_path(tmp_path / "a.png", image), "sRGB")
    x = np.array([-0.95, -0.125, 0.125, 0.9, 1.1, 1.9, 2.1])
    uv = np.stack([x, np.full_like(x, 0.5)], 1)

    def seen(extension):
        return bilinear(linear, uv, extension)[:, 0].round(3).tolist()

    assert seen("repeat") == [0.7, 0, 1, 0.1, 0.9, 0.1, 0.9]
    assert seen("extend") == [1, 1, 1, 0, 0, 0, 0]
    assert seen("clip") == [0, 0, 1, 0, 0, 0, 0]
    assert seen("mirror") == [0, 1, 1, 0, 0, 1, 1]


def write_path(path, image):
    write(path, image)
    return path


def test_tiles_are_found_by_either_way_of_numbering(tmp_path):
    rig, layout = sheet()
    right = layout.uv[:, :, 0].mean(1) > 0.5
    uv = layout.uv.copy()
    uv[~right, :, 0] *= 2
    uv[right, :, 0] = 2 * uv[right, :, 0] - 1 + 3  # tile u = 3
    uv[right, :, 1] += 1  # v = 1
    for name, tiles in (("a.<UDIM>.png", ("1001", "1014")), ("b.<UVTILE>.png", ("u1_v1", "u4_v2"))):
        for tile, value in zip(tiles, (0.2, 0.6), strict=True):
            write(tmp_path / name.replace("<UDIM>", tile).replace("<UVTILE>", tile), np.full((16, 16, 3), value))
        found = colors_of(rig, replace(layout, uv=uv), Texture(str(tmp_path / name)))[:, 0]
        np.testing.assert_allclose(found[rig.neutral[:, 0] < 0.45], 0.2, atol=1e-3)
        np.testing.assert_allclose(found[rig.neutral[:, 0] > 0.55], 0.6, atol=1e-3)
    (tmp_path / "a.1014.png").unlink()
    kept, said = painted(rig, replace(layout, uv=uv), [Texture(str(tmp_path / "a.<UDIM>.png"))])
    assert ["a.1014.png" in sentence for sentence in said] == [True]
    np.testing.assert_allclose(kept.colors[rig.neutral[:, 0] < 0.45], 0.2, atol=1e-3)


def test_colour_spaces_and_large_pictures(tmp_path, monkeypatch):
    values = np.random.default_rng(0).random((37, 53, 3)).astype(np.float32)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), (values[..., ::-1] * 255 + 0.5).astype(np.uint8))
    whole = load_linear(path, "sRGB")
    np.testing.assert_allclose(whole, srgb_decode(values), atol=0.005)
    np.testing.assert_allclose(load_linear(path, "Non-Color"), values, atol=0.003)
    monkeypatch.setattr(textures, "LARGEST", 20)  # three to one
    small = load_linear(path, "sRGB")
    assert small.shape == (12, 17, 3)
    np.testing.assert_allclose(small, whole[:36, :51].reshape(12, 3, 17, 3, 3).mean((1, 3)), atol=1e-5)


@pytest.mark.parametrize("what", ["absent", "damaged", "a folder", "a colour space"])
def test_a_picture_that_cannot_be_used_is_said_and_its_part_is_plain(tmp_path, what):
    path = tmp_path / "a.png"
    if what != "absent":
        write(path, np.full((8, 8, 3), 0.5))
    if what == "damaged":
        path.write_bytes(path.read_bytes()[:60])
    rig, layout = sheet()
    image = Texture(str(tmp_path if what == "a folder" else path), "Imaginary" if what == "a colour space" else "sRGB")
    kept, (said,) = painted(rig, layout, [image])
    assert image.path in said
    assert "plain" in said
    np.testing.assert_array_equal(kept.colors, np.float32(0.4))


def test_a_shot_s_texture_colours_its_rig(little_shot, tmp_path):
    """Its path may be relative to the shot folder.

    What is wrong with it reaches the listener, and the solve goes on.
    """
    arrays = dict(np.load(little_shot.folder / "rig.npz"))
    triangles = len(arrays["triangles"])
    arrays["uv"] = np.full((triangles, 3, 2), 0.5, np.float32)
    arrays["texture"] = np.zeros(triangles, np.int32)
    np.savez(tmp_path / "rig.npz", **arrays)
    listed = [{"path": "skin.png", "colorspace": "sRGB", "extension": "repeat"}]
    folder = changed(little_shot, tmp_path / "shot", rig=str(tmp_path / "rig.npz"), textures=listed)
    write(folder / "skin.png", np.full((8, 8, 3), 0.25))
    shot = load_shot(folder)
    used = np.unique(shot.rig.triangles)
    np.testing.assert_allclose(shot.rig.colors[used], 0.25, atol=1e-3)
    assert shot.notes == ()
    (folder / "skin.png").unlink()
    heard = []

    class Ear(Silent):
        def warning(self, message):
            heard.append(message)

    solve_folder(folder, tmp_path / "out.npz", Ear(), Overrides(stages=("rigid",), frames=(START, START)))
    assert any("skin.png" in sentence for sentence in heard)
    arrays["uv"] = arrays["uv"][:5]
    np.savez(tmp_path / "rig.npz", **arrays)
    with pytest.raises(FaceSolveError, match="uv has shape"):
        load_shot(folder)


def test_the_rigs_of_shots_without_textures_are_as_before(little_shot, tmp_path):
    document = json.loads((little_shot.folder / "shot.json").read_text())
    assert "textures" not in document
    np.testing.assert_array_equal(
        load_shot(changed(little_shot, tmp_path / "a", textures=[])).rig.colors,
        load_shot(little_shot.folder).rig.colors,
    )
