"""Runs inside Blender: installs the built add-on, makes small scenes, runs checks and writes their report.

Standard library and bpy alone.
"""

import json
import math
import os
import struct
import sys
import time
import traceback
import zlib
from array import array
from pathlib import Path

import bpy

ARCHIVE, FOLDER, REPORT = sys.argv[sys.argv.index("--") + 1 :][:3]
FOLDER = Path(FOLDER)
KEYS = ("jawOpen", "mouthSmile_L", "mouthSmile_R", "eyeBlink.L", 'odd "name" AU12')
sys.path.insert(0, str(Path(__file__).parents[1] / "fault_worker"))


def install():
    if hasattr(bpy.ops, "extensions") and bpy.app.version >= (4, 2, 0):
        bpy.ops.extensions.package_install_files(
            filepath=ARCHIVE, repo="user_default", enable_on_install=True, overwrite=True
        )
    else:
        bpy.ops.preferences.addon_install(filepath=ARCHIVE, overwrite=True)
        bpy.ops.preferences.addon_enable(module="face_solve")


def module(name):
    """A module of the installed add-on."""
    package = "bl_ext.user_default.face_solve" if "bl_ext.user_default.face_solve" in sys.modules else "face_solve"
    return __import__(f"{package}.{name}", fromlist=["_"])


def known_motion(frame):
    """What the test worker answers for a frame."""
    return _worker().known_motion(frame)


def known_jaw(frame):
    """The same of a jaw bone."""
    return _worker().known_jaw(frame)


def _worker():
    import importlib.util

    path = Path(__file__).parents[1] / "fault_worker" / "solver_core" / "__main__.py"
    if "fault_main" not in sys.modules:
        spec = importlib.util.spec_from_file_location("fault_main", path)
        sys.modules["fault_main"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["fault_main"])
    return sys.modules["fault_main"]


def write_png(path, width=32, height=24, grey=128, spots=()):
    """A grey picture; `spots` are (x, y, (r, g, b)): squares of 9 pixels around a pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = [bytearray([grey] * 3 * width) for _ in range(height)]
    for x, y, color in spots:
        for row in rows[max(0, y - 4) : y + 5]:
            row[3 * (x - 4) : 3 * (x + 5)] = bytes(color) * 9
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\x00" + bytes(row) for row in rows))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def plate_files(name, first, last):
    for number in range(first, last + 1):
        path = FOLDER / "plates" / name / f"v2_{number:04d}.png"
        if not path.exists():
            write_png(path, grey=number % 200 + 20)
    return FOLDER / "plates" / name / f"v2_{first:04d}.png"


def empty_scene(start=1, end=12):
    bpy.ops.wm.read_homefile(use_empty=True) if bpy.app.version < (4, 2, 0) else bpy.ops.wm.read_homefile(
        app_template="", use_empty=True
    )
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = start, end
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    scene.frame_set(start)
    return scene


def make_face(name="Head", keys=KEYS):
    vertices = [
        (math.cos(a) * r, math.sin(a) * r, z)
        for z, r in ((-0.1, 0.05), (0.0, 0.1), (0.1, 0.05))
        for a in (0, 1.57, 3.14, 4.71)
    ]
    faces = [
        (4 * ring + i, 4 * ring + (i + 1) % 4, 4 * ring + 4 + (i + 1) % 4, 4 * ring + 4 + i)
        for ring in (0, 1)
        for i in range(4)
    ]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    face = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(face)
    if keys:
        face.shape_key_add(name="Basis")
        for index, key in enumerate(keys):
            block = face.shape_key_add(name=key, from_mix=False)
            block.value = 0.0  # Blender 5.0 adds them at 1
            block.data[index].co.z += 0.02
    bpy.context.view_layer.objects.active = face
    return face


def make_camera(name="Cam", start=1, duration=12, plate="A", first=1):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    bpy.context.scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0.1, -1.0, 0.05), (1.5, 0.02, 0.1)
    bpy.context.scene.camera = bpy.context.scene.camera or camera
    if plate:
        path = plate_files(plate, first, first + duration - 1)
        entry = camera.data.background_images.new()
        entry.image = bpy.data.images.load(str(path))
        entry.image.source = "SEQUENCE"
        user = entry.image_user
        user.frame_start, user.frame_duration, user.frame_offset, user.use_auto_refresh = (
            start,
            duration,
            first - 1,
            True,
        )
    return camera


def delete(one):
    """Delete an object as the artist does: where something still names it, it lives on outside the scene."""
    for other in bpy.context.scene.objects:
        other.select_set(other == one)
    bpy.ops.object.delete()


def ready_scene(saved=None, **kwargs):
    """A scene that can be solved: (scene, face, camera)."""
    scene = empty_scene()
    face, camera = make_face(), make_camera(**kwargs)
    if saved:
        path = FOLDER / saved / "shot.blend"
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        scene, face, camera = bpy.context.scene, bpy.data.objects[face.name], bpy.data.objects[camera.name]
    bpy.ops.face_solve.setup_from_scene()
    return scene, face, camera


def solution_arrays(face):
    """The arrays of a SOLUTION.npz that holds the known motion."""
    array_of = module("scene.shot.npz").Array
    frames = list(range(1, 13))
    names = [block.name for block in face.data.shape_keys.key_blocks[1:]] if face.data.shape_keys else []
    motion = [known_motion(frame) for frame in frames]
    return {
        "frames": array_of(array("q", frames), (12,)),
        "rotation": array_of(array("d", (v for one in motion for v in one[0])), (12, 3, 3)),
        "translation": array_of(array("d", (v for one in motion for v in one[1])), (12, 3)),
        "weights": array_of(array("d", (one[2] for one in motion for _ in names)), (12, len(names))),
        "names": array_of(names, (len(names),)),
        "status": array_of(["solved"] * 12, (12,)),
        "error_px": array_of(array("d", [0.5] * 11 + [float("nan")]), (12,)),
    }


def world_matches(scene, face, frames=range(1, 13), tolerance=2e-5):
    """The timeline plays the known motion on these frames."""
    for frame in frames:
        scene.frame_set(frame)
        rotation, translation, weight = known_motion(frame)
        world = face.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world
        axes = [world.col[i].to_3d().normalized() for i in range(3)]
        if axes[0].cross(axes[1]).dot(axes[2]) < 0:
            axes = [-axis for axis in axes]
        close([axes[c][r] for r in range(3) for c in range(3)], rotation, tolerance)
        close(world.translation, translation, tolerance)
        for block in face.data.shape_keys.key_blocks[1:] if face.data.shape_keys else ():
            close(block.value, min(1.0, max(0.0, weight)), 1e-6)


def refused(operator, *words, **arguments):
    """Run an operator that must fail, with all these words in what it says."""
    try:
        result = operator(**arguments)
    except RuntimeError as error:
        text = str(error)
        for word in words:
            assert word.lower() in text.lower(), f"{word!r} is not in {text!r}"
        return text
    raise AssertionError(f"it did not fail: {result}")


def keys_to_the_bit(face):
    """Every key of the head: by channel and frame, its frame, value and both handles as they lie in memory."""
    record = module("scene.keys.record")
    found = {}
    for channel in [*record.pose_channels(face), *record.weight_channels(face).values()]:
        points = channel.find().keyframe_points
        found[channel.name] = {
            round(one.co.x): array("f", [*one.co, *one.handle_left, *one.handle_right]).tobytes() for one in points
        }
    return found


def values_at(keys, frame):
    """The frame and value of each of these keys at a frame, without the handles."""
    return {name: points[frame][:8] for name, points in keys.items()}


def start_without_waiting(operator=None):
    """Start Solve Shot, or another solve, and come back at once, as with an interface; answers with the run."""
    operators = module("operators.solve")
    go_on, operators.go_on = operators.go_on, lambda _operator, _started: {"FINISHED"}
    try:
        (operator or bpy.ops.face_solve.solve_shot)()
    finally:
        operators.go_on = go_on
    return module("runs.current").running()


def until(condition, seconds=20.0):
    """Ask again and again until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


class environment:  # noqa: N801 -- reads as a statement
    """Environment variables for a while."""

    def __init__(self, **values):
        self.values = values

    def __enter__(self):
        self.before = {name: os.environ.get(name) for name in self.values}
        self._set(self.values)

    def __exit__(self, *_args):
        self._set(self.before)

    @staticmethod
    def _set(values):
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def close(a, b, tolerance):
    """Assert that two numbers or sequences are near."""
    a, b = (list(x) if hasattr(x, "__len__") else [x] for x in (a, b))
    assert len(a) == len(b), (a, b)
    worst = max(abs(x - y) for x, y in zip(a, b, strict=True))
    assert worst <= tolerance, f"off by {worst}: {a} {b}"


def run(namespace):
    """Run every function whose name begins with `check_` and write the report."""
    report = {}
    try:
        install()
    except Exception:  # noqa: BLE001 -- the report carries it to pytest
        report["install"] = traceback.format_exc()
    else:
        for name, check in list(namespace.items()):
            if name.startswith("check_"):
                try:
                    check()
                    report[name] = ""
                except Exception:  # noqa: BLE001 -- the report carries it to pytest
                    report[name] = traceback.format_exc()
    Path(REPORT).write_text(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)
