"""Runs inside Blender: the pixels of a float image in each colour space, as scene-linear numbers."""

import json
import sys

import bpy

path, names, report = sys.argv[sys.argv.index("--") + 1 :]
shown = {}
for name in names.split("|"):
    image = bpy.data.images.load(path, check_existing=False)
    image.colorspace_settings.name = name
    image.reload()
    shown[name] = list(image.pixels)
with open(report, "w") as file:
    json.dump(shown, file)
