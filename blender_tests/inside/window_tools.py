"""What the stories in a real window share.

Mouse, keys, waiting, pictures, and the way that a story is told step by step.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, os.path.dirname(__file__))
import bpy
import harness

PICTURES = Path(os.environ["FACE_SOLVE_PICTURES"])
REPORT = {}


def window():
    return bpy.context.window_manager.windows[0]


def viewport():
    return max(
        (area for area in window().screen.areas if area.type == "VIEW_3D"), key=lambda area: area.width * area.height
    )


def in_window():
    return bpy.context.temp_override(window=window(), area=viewport(), screen=window().screen)


def show_sidebar():
    viewport().spaces.active.show_region_ui = True
    viewport().spaces.active.shading.type = "WIREFRAME"  # this screen is drawn by the processor
    for panel in bpy.types.Panel.__subclasses__():  # other tabs would push ours about
        place = (getattr(panel, "bl_space_type", ""), getattr(panel, "bl_region_type", ""))
        own = getattr(panel, "bl_category", "Face Solve") == "Face Solve"
        if place == ("VIEW_3D", "UI") and not own and panel.is_registered:
            bpy.utils.unregister_class(panel)


def click_tab():
    """Click the second tab of the sidebar: the first, Item, is Blender's own."""
    tabs = region("UI")
    click(tabs.x + tabs.width - 10, tabs.y + tabs.height - 88)


def show_only(*names):
    """Show these panels of ours, open, and no other: all of them do not fit the test's small screen."""
    panels = harness.module("registration").CLASSES
    panels = [one for one in panels if issubclass(one, bpy.types.Panel)]
    wanted = {"FACE_SOLVE_PT_main", *names}
    for panel in reversed([one for one in panels if one.is_registered]):
        bpy.utils.unregister_class(panel)
    for panel in panels:
        if panel.__name__ in wanted:
            panel.bl_options = set()
            bpy.utils.register_class(panel)


def region(kind="WINDOW"):
    return next(region for region in viewport().regions if region.type == kind)


def move(x, y):
    """The mouse goes there, a pixel at a time at the end, as a hand does."""
    for step in (1, 0):
        window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=round(x) + step, y=round(y))


def click(x, y):
    for kind, value in (("MOUSEMOVE", "NOTHING"), ("LEFTMOUSE", "PRESS"), ("LEFTMOUSE", "RELEASE")):
        window().event_simulate(type=kind, value=value, x=round(x), y=round(y))


def press(key, shift=False):
    """A real key press through Blender's own event queue, over the viewport."""
    over = region()
    place = {"x": over.x + over.width // 3, "y": over.y + over.height // 2}
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", **place)
    window().event_simulate(type=key, value="PRESS", shift=shift, **place)
    window().event_simulate(type=key, value="RELEASE", shift=shift, **place)


def keyed(face):
    curve = harness.module("compat").find_curve(face, "location", 0)
    return len(curve.keyframe_points) if curve else 0


def picture(name, of=None):
    """Save what the window, or another one, shows."""
    yield
    yield
    bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=2)
    path = PICTURES / f"{name}.png"
    shown = of or window()
    area = shown.screen.areas[0] if of else viewport()
    with bpy.context.temp_override(window=shown, area=area, screen=shown.screen):
        bpy.ops.screen.screenshot(filepath=str(path))
    REPORT[f"picture {name}"] = "" if path.exists() and path.stat().st_size > 1000 else "no picture"


def pixels(name, box):
    """RGB (0 to 1) of the part (x, y, width, height) of the window that a picture shows."""
    image = bpy.data.images.load(str(PICTURES / f"{name}.png"))
    width = image.size[0]
    values = list(image.pixels)
    x, y, wide, high = (round(value) for value in box)
    rows = [values[4 * (row * width + x) : 4 * (row * width + x + wide)] for row in range(y, y + high)]
    bpy.data.images.remove(image)
    return [tuple(row[i : i + 3]) for row in rows for i in range(0, len(row), 4)]


def count(found, color, tolerance=0.16):
    """How many of the pixels have a colour."""
    return sum(max(abs(a - b) for a, b in zip(pixel, color[:3], strict=True)) < tolerance for pixel in found)


def wait(condition, seconds=20.0):
    """Give Blender its loop back until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        yield


def tell(story):
    """Install the add-on, run the story, write its report and end Blender; every `yield` of it lets Blender go on."""
    steps = story()

    def tick():
        try:
            next(steps)
        except StopIteration:
            REPORT["finished"] = ""
        except Exception:  # noqa: BLE001 -- the report carries it to pytest
            REPORT["story"] = traceback.format_exc()
        else:
            return 0.1
        Path(harness.REPORT).write_text(json.dumps(REPORT))
        os._exit(0)

    harness.install()
    bpy.context.preferences.view.show_splash = False
    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
