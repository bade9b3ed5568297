"""Opens the demo's scene, sets it up as an artist would, and hands over the shot that the solver would get."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import FOLDER


def check_the_scene_opens_and_is_set_up():
    bpy.ops.wm.open_mainfile(filepath=os.environ["FACE_SOLVE_SCENE"])
    bpy.ops.face_solve.setup_from_scene()
    settings = bpy.context.scene.face_solve
    assert [one.message for one in harness.module("scene.setup.prechecks").prechecks(settings)] == []
    bpy.ops.face_solve.export_shot(filepath=str(FOLDER / "shot"))


harness.run(globals())
