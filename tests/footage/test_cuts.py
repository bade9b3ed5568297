"""Cuts in the plate: found where the picture changes for good, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from solver_core.footage.cuts import common_cuts, find_cuts, thumbnail


def scene(seed, count, drift=0.005):
    """Plates of a soft pattern that moves a little, all thumbnails."""
    rng = np.random.default_rng(seed)
    waves = rng.normal(size=(8, 2)) * 4
    phase = rng.uniform(0, 7, 8)
    y, x = np.mgrid[0:1:60j, 0:1:80j]
    plates = []
    for i in range(count):
        grey = 0.5 + 0.06 * sum(np.sin(a * (x + drift * i) + b * y + p) for (a, b), p in zip(waves, phase, strict=True))
        plates.append(thumbnail(np.clip(np.repeat(grey[..., None], 3, 2), 0, 1).astype(np.float32)))
    return np.stack(plates)


def places(thumbnails):
    return np.flatnonzero(find_cuts(thumbnails)).tolist()


def test_a_cut_is_found_where_it_is():
    assert places(np.concatenate([scene(0, 6), scene(1, 5), scene(2, 4)])) == [5, 10]


def test_one_shot_has_none():
    assert places(scene(0, 30)) == []


@pytest.mark.parametrize("length", [1, 5, 20])
def test_what_comes_back_was_only_covered(length):
    whole = scene(0, 10 + length)
    whole[5 : 5 + length] = scene(3, length)
    assert places(whole) == []


@pytest.mark.parametrize(("fps", "found"), [(24.0, [5, 45]), (60.0, [])])
def test_how_long_something_may_cover_it_is_a_time(fps, found):
    """Forty frames are most of two seconds of film, and less than one at 60 frames a second."""
    whole = scene(0, 60, drift=0.001)
    whole[5:45] = scene(3, 40)
    assert np.flatnonzero(find_cuts(whole, fps) & np.isin(np.arange(59), [4, 44])).tolist() == [i - 1 for i in found]


def test_duplicated_and_constant_frames_are_no_cuts():
    assert places(np.repeat(scene(0, 5), 3, axis=0)) == []
    assert places(np.full((6, 36, 48), 0.4, np.float32)) == []


def test_a_change_of_exposure_is_no_cut():
    whole = scene(0, 10)
    whole[5:] *= 0.4
    assert places(whole) == []


def test_frames_without_a_picture_hide_no_cut_and_make_none():
    whole = np.concatenate([scene(0, 6), scene(1, 6)])
    whole[5:7] = np.nan
    assert places(whole) == [6]
    alone = scene(0, 8)
    alone[2:4] = np.nan
    assert places(alone) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_shots(count):
    assert find_cuts(scene(0, 2)[:count]).shape == (max(count - 1, 0),)
    assert find_cuts(np.full((count, 36, 48), np.nan, np.float32)).sum() == 0


def common(*cameras):
    """Where cameras cut together, of their thumbnails."""
    pictured = np.stack([np.isfinite(one).all((1, 2)) for one in cameras])
    return np.flatnonzero(common_cuts(np.stack([find_cuts(one) for one in cameras]), pictured)).tolist()


def test_cameras_cut_together_or_not_at_all():
    cut, other, still = (
        np.concatenate([scene(0, 5), scene(1, 5)]),
        np.concatenate([scene(2, 5), scene(3, 5)]),
        scene(4, 10),
    )
    assert common(cut, other) == [4]
    assert common(cut, still) == []
    assert common(cut) == [4]


@pytest.mark.parametrize("without", [range(10), range(5), range(5, 10), range(3, 7), [4], [5]])
def test_a_camera_that_does_not_film_there_hides_no_cut(without):
    cut, other = np.concatenate([scene(0, 5), scene(1, 5)]), scene(4, 10)
    other[list(without)] = np.nan
    assert common(cut, other) == [4]


def test_a_cut_among_frames_that_no_camera_filmed_is_kept():
    """It lies before the first picture; a camera that sees there what it saw before says that there was none."""
    cut, other = np.concatenate([scene(0, 6), scene(1, 6)]), scene(4, 12)
    cut[5:7] = other[5:7] = np.nan
    assert common(cut, cut) == [6]
    assert common(cut, other) == []
    other[:7] = np.nan  # it begins there
    assert common(cut, other) == [6]
