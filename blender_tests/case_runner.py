"""Runs one of the shared cases (artists' scenes) as its own harness does.

Where the add-on names a button, it presses that first.

usage: case_runner.py FOLDER_OF_CASES CASE [OPERATOR]
"""

import importlib
import os
import sys

sys.path.insert(0, sys.argv[1])
import harness  # before bpy: it says where Blender keeps its add-ons

bpy = harness.bpy
CASES, CASE, MEND = sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""


def mended(case):
    """The case, and then Set Up, an export that refuses it, and the button."""

    def change(context):
        case(context)
        try:
            bpy.ops.face_solve.setup_from_scene()
            bpy.ops.face_solve.export_shot(filepath=os.path.join(context.work, "refused"))
            print("NOT REFUSED")
        except RuntimeError as error:
            print("REFUSED", error)
        print("MENDED", getattr(bpy.ops.face_solve, MEND)())

    return change


names = sorted(one[:-3] for one in os.listdir(CASES) if one.startswith("cases_")) if MEND else ()
for module in [importlib.import_module(name) for name in names]:  # all first: they import each other's cases
    if hasattr(module, CASE):
        setattr(module, CASE, mended(getattr(module, CASE)))
harness.run(CASE)
sys.stdout.flush()
os._exit(0)
