"""Whose face a view shows, with the networks themselves on painted people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from little_shot import camera
from painted_face import painted_face

from solver_core.footage.people import Place, Sought
from solver_core.footage.views import find_faces

SIZE = (360, 640)


def paint(folder, people):
    """Plates of people, each a list of (x, y, height) or None, frame by frame; painted in their order."""
    for i, here in enumerate(zip(*people, strict=True)):
        picture = np.full((*SIZE, 3), (0.35, 0.42, 0.5), np.float32)
        for person in here:
            if person is not None:
                picture = painted_face(centre=person[:2], height=person[2], onto=picture)
        cv2.imwrite(str(folder / f"{i:04d}.png"), np.round(255 * picture[..., ::-1]))


def view_of(folder, count, head, facemesh, detector, told=None):
    seen = camera("A", count, (0, -1, 0))
    plate = {"kind": "sequence", "path": str(folder / "{frame:04d}.png"), "frames": list(range(count))}
    view = find_faces(
        type(seen)("A", SIZE[1], SIZE[0], seen.intrinsics, seen.world_to_camera, {**plate, "colorspace": "sRGB"}),
        np.arange(1001, 1001 + count),
        (facemesh, detector),
        Sought([head] * count, told or {}),
        lambda _done: True,
        24.0,
    )
    view.close()
    return view


@pytest.fixture(scope="module")
def cast(tmp_path_factory):
    """An actor who walks, and a poster of a larger face."""
    folder = tmp_path_factory.mktemp("cast")
    actor = [(150.0 + 12 * i, 200.0, 120.0) for i in range(5)]
    actor[3] = None
    paint(folder, [actor, [(500.0, 190.0, 220.0)] * 5])
    return folder, actor


def test_the_actor_is_solved_and_the_larger_poster_never(cast, facemesh, face_detector):
    folder, actor = cast
    view = view_of(folder, 5, Place(np.array([160.0, 210.0]), 130.0), facemesh, face_detector)
    for i in (0, 1, 2, 4):
        assert abs(view.points[i][:, 0].mean() - actor[i][0]) < 12
    assert view.crops[3] is None
    assert view.reasons[3] == "camera A shows another face here, not the one that is solved"
    (note,) = view.notes
    assert "2 faces" in note
    assert view.doubts == [""] * 5


def test_who_is_clicked_is_solved_instead(cast, facemesh, face_detector):
    told = {2: Place(np.array([500.0, 190.0]))}
    view = view_of(cast[0], 5, Place(np.array([160.0, 210.0]), 130.0), facemesh, face_detector, told)
    assert all(abs(points[:, 0].mean() - 500) < 15 for points in view.points)
