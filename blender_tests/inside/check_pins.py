"""Pins by script: put, moved, copied, deleted, written into the shot; what cannot be pinned is said."""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import ready_scene, refused


def _add(vertex, place, **more):
    return bpy.ops.face_solve.add_pin(vertices=(vertex,) * 3, place=place, follow=False, **more)


def _places(settings, frame):
    return [tuple(round(value, 3) for value in pin.place) for pin in settings.pins if pin.frame == frame]


def check_pins_are_put_moved_copied_and_deleted():
    scene, _face, _camera = ready_scene()
    settings = scene.face_solve
    scene.frame_set(3)
    _add(1, (10.0, 12.5))
    bpy.ops.face_solve.add_pin(
        vertices=(2, 3, 6), barycentric=(2.0, 1.0, 1.0), place=(20.0, 5.0), strength=2.0, follow=False
    )
    assert _places(settings, 3) == [(10.0, 12.5), (20.0, 5.0)]
    assert list(settings.pins[1].barycentric) == [0.5, 0.25, 0.25]
    _add(1, (11.0, 12.0))  # the same place of the mesh: it is moved
    assert _places(settings, 3) == [(11.0, 12.0), (20.0, 5.0)]
    bpy.ops.face_solve.move_pin(index=1, place=(500.0, -4.0), follow=False)
    assert _places(settings, 3)[1] == (32.0, 0.0)  # the picture's edge
    assert bpy.ops.face_solve.copy_pins() == {"FINISHED"}
    assert scene.frame_current == 4
    assert _places(settings, 4) == _places(settings, 3)
    assert [pin.strength for pin in settings.pins] == [1.0, 2.0, 1.0, 2.0]
    bpy.ops.face_solve.delete_pin(index=0)
    assert len(_places(settings, 3)) == 1
    bpy.ops.face_solve.delete_pin(all=True)
    assert _places(settings, 4) == []
    assert len(_places(settings, 3)) == 1


def check_the_shot_has_the_pins_that_can_hold():
    scene, face, camera = ready_scene()
    settings = scene.face_solve
    scene.frame_set(2)
    _add(1, (10.0, 12.0))
    _add(4, (14.0, 12.0))
    settings.pins[1].vertices = (4, 4, len(face.data.vertices))  # of a mesh that has lost vertices since
    folder = harness.FOLDER / "pinned"
    bpy.ops.face_solve.export_shot(filepath=str(folder))
    pins = json.loads((folder / "shot.json").read_text())["pins"]
    wanted = {"frame": 2, "camera": camera.name, "vertices": [1, 1, 1], "barycentric": [1.0, 0.0, 0.0]}
    assert pins == [{**wanted, "place": [10.0, 12.0], "strength": 1.0}], pins


def check_each_face_has_its_own_pins():
    scene, face, _camera = ready_scene()
    settings = scene.face_solve
    scene.frame_set(2)
    _add(1, (10.0, 12.0))
    settings.face = harness.make_face("Other")
    assert len(settings.pins) == 0
    settings.face = face
    assert _places(settings, 2) == [(10.0, 12.0)]
    assert settings.pins[0].camera is not None


def check_what_cannot_be_pinned_is_said():
    scene, _face, camera = ready_scene()
    scene.frame_set(2)
    put = bpy.ops.face_solve.add_pin
    refused(put, "no vertex 999", vertices=(999, 0, 0), place=(1.0, 1.0), follow=False)
    refused(put, "no place on the mesh", vertices=(0, 0, 0), barycentric=(0.0, 0.0, 0.0), place=(1.0, 1.0))
    refused(put, "no camera", vertices=(0, 0, 0), place=(1.0, 1.0), camera="Nobody")
    refused(bpy.ops.face_solve.move_pin, "no such pin", index=3, place=(1.0, 1.0))
    refused(bpy.ops.face_solve.delete_pin, "no such pin")
    refused(bpy.ops.face_solve.copy_pins, "no pins to copy")
    scene.frame_set(900)
    refused(put, "no picture at frame 900", vertices=(0, 0, 0), place=(1.0, 1.0))
    scene.frame_set(12)
    _add(1, (10.0, 12.0))
    refused(bpy.ops.face_solve.copy_pins, "no picture at frame 13")
    bpy.ops.face_solve.lock_frame()
    refused(put, "locked", vertices=(2, 2, 2), place=(1.0, 1.0))
    bpy.ops.face_solve.unlock_frame()
    scene.face_solve.pin_moves = "GROUP"
    scene.face_solve.shape_group_index = 99
    refused(put, "no group", vertices=(2, 2, 2), place=(1.0, 1.0))
    bpy.data.objects.remove(camera)
    assert len(scene.face_solve.pins) > 0  # and nothing of it is shown or written
    scene.face_solve.face = None
    refused(put, "face", vertices=(0, 0, 0), place=(1.0, 1.0), follow=False)


harness.run(globals())
