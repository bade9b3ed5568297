"""Drags by pins: what few pins say moves, what they do not say stays, and the newest question alone is answered."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from little_shot import camera, performance, write_rig
from scipy.spatial.transform import Rotation

from solver_core import protocol
from solver_core.drag import Dragging, follow_pins, free_for
from solver_core.face.pins import Pin, pinned_points
from solver_core.face.pose import Pose

HAND = 12.0  # pixels of a drag
FACE = (120, 700, 1500, 2200, 2900, 3300, 60, 1900, 2500, 900)  # triangles, anywhere on the head


@pytest.fixture(scope="module")
def scene(demo_rig):
    """The rig, one camera's one frame, and the head in it."""
    return demo_rig, camera("A", 1, (0.1, -0.95, 0.02)), performance(demo_rig, 3)[np.array([1])]


def pins_at(scene, pose, count, off=(0.0, 0.0)):
    """So many pins where the head's places are seen at a pose, the first of them dragged off by some pixels."""
    rig, view, _pose = scene
    corners = [tuple(int(v) for v in rig.triangles[t % len(rig.triangles)]) for t in FACE[:count]]
    pins = [Pin(1, "A", corner, (0.5, 0.25, 0.25), (0.0, 0.0)) for corner in corners]
    places, _ = view.project(pinned_points(rig, [pins]).world(pose))
    places[0, 0] += off
    return [
        Pin(1, "A", pin.vertices, pin.barycentric, tuple(map(float, at)))
        for pin, at in zip(pins, places[0], strict=True)
    ]


def dragged(scene, pins, what=protocol.HEAD, start=None):
    rig, view, pose = scene
    start = pose if start is None else start
    return follow_pins(rig, [view], pins, start, free_for(rig, pins, what))


def apart(scene, pins, pose):
    """Pixels between the pins' places and where the head is seen to be."""
    rig, view, _pose = scene
    seen, _ = view.project(pinned_points(rig, [pins]).world(pose))
    return np.linalg.norm(seen[0] - [pin.place for pin in pins], axis=1)


def turned(first, second):
    return np.degrees(Rotation.from_matrix(first.rotation[0].T @ second.rotation[0]).magnitude())


def test_one_pin_moves_the_head_across_the_line_of_sight(scene):
    rig, view, pose = scene
    pins = pins_at(scene, pose, 1, (HAND, -HAND))
    found = dragged(scene, pins)
    assert apart(scene, pins, found).max() < 0.1
    assert turned(pose, found) == 0.0
    np.testing.assert_array_equal(found.weights, pose.weights)
    place = pinned_points(rig, [pins]).world(pose)[0, 0]
    moved, sight = found.translation[0] - pose.translation[0], place - view.position[0]
    assert abs(moved @ sight) < 0.05 * np.linalg.norm(moved) * np.linalg.norm(sight)


def test_two_pins_turn_in_the_picture_and_change_the_distance(scene):
    _rig, view, pose = scene
    pins = pins_at(scene, pose, 2, (HAND, -HAND))
    found = dragged(scene, pins)
    assert apart(scene, pins, found).max() < 0.3
    sight = pose.translation[0] - view.position[0]
    turn = Rotation.from_matrix(found.rotation[0] @ pose.rotation[0].T).as_rotvec(degrees=True)
    along = turn @ sight / np.linalg.norm(sight)
    assert abs(along) > 1.0
    assert np.linalg.norm(turn) < 1.05 * abs(along) + 0.2  # no tilt
    np.testing.assert_array_equal(found.weights, pose.weights)


def test_three_pins_and_more_give_the_pose_and_more_still_the_expression(scene):
    rig, _view, pose = scene
    aim = pose.stepped(np.zeros((1, pose.size)))
    aim.head.rotation = Rotation.from_rotvec([0.06, -0.05, 0.08]).as_matrix()[None] @ aim.rotation
    aim.head.translation = aim.translation + np.array([0.01, -0.015, 0.008])
    three = dragged(scene, pins_at(scene, aim, 3))
    assert apart(scene, pins_at(scene, aim, 3), three).max() < 0.5
    assert turned(three, aim) < 1.5 < turned(pose, aim)
    np.testing.assert_array_equal(three.weights, pose.weights)
    aim.weights[0, rig.names.index("jawOpen")] += 0.3
    pins = pins_at(scene, aim, len(FACE))
    found = dragged(scene, pins)
    assert apart(scene, pins, found).max() < 1.0
    assert np.all(found.weights >= rig.minimum)
    assert np.all(found.weights <= rig.maximum)


def test_expression_or_a_group_follows_alone(scene):
    rig, _view, pose = scene
    pins = pins_at(scene, pose, 2, (0.0, 4.0))
    found = dragged(scene, pins, protocol.EXPRESSION)
    np.testing.assert_array_equal(found.rotation, pose.rotation)
    np.testing.assert_array_equal(found.translation, pose.translation)
    others = ~rig.in_group("mouth")
    np.testing.assert_array_equal(dragged(scene, pins, ["mouth"]).weights[:, others], pose.weights[:, others])


def test_what_says_nothing_moves_nothing(scene):
    _rig, view, pose = scene
    behind = Pose(pose.rotation, 2 * view.position - pose.translation, pose.weights)
    pins = pins_at(scene, pose, 3, (HAND, 0.0))
    for given, start in (([], pose), (pins, behind), ([Pin(1, "B", (0, 1, 2), (1.0, 0.0, 0.0), (5.0, 5.0))], pose)):
        found = dragged(scene, given, start=start)
        np.testing.assert_allclose(found.translation, start.translation, atol=1e-9)
        np.testing.assert_allclose(found.rotation, start.rotation, atol=1e-9)
    twice = [*pins_at(scene, pose, 1, (HAND, 0.0)), *pins_at(scene, pose, 1, (-HAND, 0.0))]
    found = dragged(scene, twice)  # one place, pulled to both sides
    assert turned(pose, found) == 0.0
    np.testing.assert_allclose(found.translation, pose.translation, atol=1e-4)


def message(scene, number, pins):
    _rig, view, pose = scene
    return {
        "type": protocol.DRAG,
        "number": number,
        "frame": 7,
        "free": protocol.HEAD,
        "cameras": [
            {
                "name": "A",
                "width": view.width,
                "height": view.height,
                "intrinsics": view.intrinsics[0].tolist(),
                "world_to_camera": view.world_to_camera[0].tolist(),
            }
        ],
        "pins": [
            {"camera": "A", "vertices": list(p.vertices), "barycentric": list(p.barycentric), "place": list(p.place)}
            for p in pins
        ],
        "pose": {
            "rotation": pose.rotation[0].ravel().tolist(),
            "translation": pose.translation[0].tolist(),
            "weights": pose.weights[0].tolist(),
        },
    }


def told(last, *messages):
    """What a worker, really started, says to these messages, until it has said one of the kind `last`."""
    command = [sys.executable, "-m", "solver_core", "worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        worker.stdin.write(b"".join(map(protocol.encode, messages)))
        worker.stdin.flush()
        said = []
        for line in worker.stdout:
            said.append(protocol.decode(line))
            if said[-1]["type"] == last and said[-1].get("number", len(messages) - 1) == len(messages) - 1:
                break
        worker.kill()
    return [one for one in said if one["type"] != protocol.HEARTBEAT]


def test_the_newest_drag_is_answered_and_those_before_it_are_left(scene, tmp_path):
    rig, _view, pose = scene
    write_rig(tmp_path, rig)
    pins = pins_at(scene, pose, 3, (HAND, 0.0))
    drags = [message(scene, number, pins) for number in range(1, 21)]
    said = told(protocol.DRAGGED, {"type": protocol.OPEN, "rig": str(tmp_path / "rig.npz")}, *drags)
    answers = [one for one in said if one["type"] == protocol.DRAGGED]
    assert [one["type"] for one in said][:2] == [protocol.HELLO, protocol.OPENED]
    assert answers[-1]["number"] == 20
    assert len(answers) < 20
    found = Pose(
        np.reshape(answers[-1]["rotation"], (1, 3, 3)),
        np.array([answers[-1]["translation"]]),
        np.array([answers[-1]["weights"]]),
    )
    assert apart(scene, pins, found).max() < 0.5
    assert answers[-1]["frame"] == 7


def test_a_drag_that_cannot_be_read_is_said(scene, tmp_path):
    rig, _view, pose = scene
    write_rig(tmp_path, rig)
    opened = {"type": protocol.OPEN, "rig": str(tmp_path / "rig.npz")}
    broken = message(scene, 1, pins_at(scene, pose, 1))
    broken["pins"][0]["vertices"] = [0, 1, 10**6]
    assert "pins.vertices" in told(protocol.FAILED, opened, broken)[-1]["message"]
    assert "no rig" in told(protocol.FAILED, message(scene, 1, []))[-1]["message"]


def test_a_message_is_answered_as_the_function_does(scene):
    rig, _view, pose = scene
    pins = pins_at(scene, pose, 5, (HAND, 3.0))
    answer = Dragging(rig).answer(message(scene, 3, pins))
    found = dragged(scene, pins)
    np.testing.assert_allclose(answer["translation"], found.translation[0], atol=1e-9)
    np.testing.assert_allclose(answer["weights"], found.weights[0], atol=1e-9)
    assert answer["number"] == 3
