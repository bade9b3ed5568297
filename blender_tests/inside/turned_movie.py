"""A plate that is a movie with a rotation flag.

The solver is told what this Blender makes of it, and sees a picture of Blender's size.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness
from harness import FOLDER

MOVIE = str(FOLDER / "turned.mp4")


def _exported(name):
    bpy.ops.face_solve.setup_from_scene()
    bpy.ops.face_solve.export_shot(filepath=str(FOLDER / name))
    return json.loads((FOLDER / name / "shot.json").read_text())["cameras"][0]


def _scene():
    harness.empty_scene(end=3)
    harness.make_face()
    return harness.make_camera(plate=None).data.background_images.new()


def _agrees(one, size):
    assert [one["width"], one["height"]] == list(size), (one, size)
    assert one["plate"]["kind"] == "movie"
    assert one["plate"]["rotate"] == (size[0] < size[1]), (one["plate"], size)  # it lies in the file, and stands turned


def check_an_image():
    entry = _scene()
    entry.image = bpy.data.images.load(MOVIE)
    entry.image_user.frame_start, entry.image_user.frame_duration = 1, 3
    _agrees(_exported("image"), tuple(entry.image.size))


def check_a_movie_clip():
    entry = _scene()
    entry.source, entry.clip = "MOVIE_CLIP", bpy.data.movieclips.load(MOVIE)
    _agrees(_exported("clip"), tuple(entry.clip.size))


harness.run(globals())
