"""Runs inside Blender for benchmarks/live.py: times the keying of a solve, and frame changes while one runs.

Prints RESULT lines.
"""

import itertools
import os
import statistics
import sys
import time
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blender_tests" / "inside"))
import bpy
import harness

FRAMES, KEYS, CHANGES, EXPORTED = 200, 60, 60, 4


def shot():
    """A head with many shape keys, and a camera with a plate: (scene, face)."""
    face = harness.make_face(keys=())
    face.shape_key_add(name="Basis")
    for index in range(KEYS):
        face.shape_key_add(name=f"key{index}", from_mix=False).value = 0.0
    harness.make_camera(duration=FRAMES)
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, FRAMES
    bpy.ops.face_solve.setup_from_scene()
    return bpy.context.scene, face


def result(text):
    """One line for benchmarks/live.py."""
    print(f"RESULT {text}", flush=True)


def keying():
    """Whole solves into empty curves and over keys, and one frame into full curves."""
    harness.install()
    harness.empty_scene(end=FRAMES)
    scene, _face = shot()
    writer, job = harness.module("scene.keys.writer"), harness.module("worker.job")
    plan = harness.module("scene.shot.export").write_shot(scene, harness.FOLDER / "shot")
    results = {}
    for frame in range(1, FRAMES + 1):
        rotation, translation, weight = harness.known_motion(frame)
        results[frame] = job.FrameResult(frame, "solved", 0.5, rotation, translation, [weight] * KEYS)
    for name, dirty in (("into empty curves", results), ("over existing keys", results), ("one more frame", [100])):
        started, used = time.perf_counter(), time.thread_time()
        writer.write_frames(plan, results, dirty)
        took, used = 1000 * (time.perf_counter() - started), 1000 * (time.thread_time() - used)
        result(f"{FRAMES} frames x {KEYS} shape keys, {name}: {took:.0f} ms ({used:.0f} ms of processor time)")
    os._exit(0)


def frames():
    """Frame changes before a solve and while one runs, and how long its keying holds Blender up.

    Drawing is not counted.
    """
    import window_tools

    def changes(scene, go_on):
        took = []
        while len(took) < CHANGES and go_on():
            started = time.perf_counter()
            scene.frame_set(1 + scene.frame_current % FRAMES)
            took.append(time.perf_counter() - started)
            yield
        return (
            f"median {1000 * statistics.median(took):.1f} ms, slowest {1000 * max(took):.0f} ms ({len(took)} changes)"
        )

    def story():
        current, solving = harness.module("runs.current"), harness.module("runs.solve")
        ticks = []
        tick = solving.SolveRun.tick

        def timed(self):
            started, used = time.perf_counter(), time.thread_time()
            tick(self)
            ticks.append((time.perf_counter() - started, time.thread_time() - used))

        solving.SolveRun.tick = timed
        scene, _face = shot()
        window_tools.viewport().spaces.active.shading.type = "WIREFRAME"
        scene.frame_set(1)
        yield
        idle = yield from changes(scene, lambda: True)
        result(f"frame change without a solve: {idle}")
        os.environ["FACE_SOLVE_PACE"] = "0.1"
        with window_tools.in_window():
            bpy.ops.face_solve.solve_shot()
        yield from window_tools.wait(lambda: len(current.running().results) > FRAMES // 4)
        ticks.clear()
        busy = yield from changes(scene, lambda: current.running() is not None)
        result(f"frame change while frames arrive: {busy}")
        yield from window_tools.wait(lambda: current.running() is None, 60.0)
        for name, some in (("while frames arrive", ticks[:-1]), ("at the end", ticks[-1:])):
            took, used = (1000 * max(values) for values in zip(*some, strict=True))
            result(f"Blender held up by keying {name}: {took:.0f} ms at most ({used:.0f} ms of processor time)")

    window_tools.tell(story)


def export():
    """The writing of a shot with many shape keys, and of one with many vertices: the longest hold, and all of it."""
    harness.install()
    for vertices, keys in ((24_000, 450), (391_000, 53)):
        scene = harness.empty_scene(end=EXPORTED)
        big_head(vertices, keys)
        harness.make_camera(duration=EXPORTED)
        bpy.ops.face_solve.setup_from_scene()
        exporting, writing = harness.module("scene.shot.export"), harness.module("runs.writing")
        for what in ("first", "over its keys"):
            pieces = exporting.shot_pieces(scene, harness.FOLDER / "shot")
            run = writing.WritingRun(pieces, "Solve Shot", lambda _plan: None)
            ticks = []
            for tick in itertools.chain([run.begin], itertools.repeat(run.tick)):
                started, used = time.perf_counter(), time.thread_time()
                tick()
                ticks.append((time.perf_counter() - started, time.thread_time() - used))
                if run.over:
                    break
            assert run.failure() is None, run.failure()
            longest, used = (1000 * max(values) for values in zip(*ticks, strict=True))
            result(
                f"{vertices} vertices, {keys} shape keys, {what}: held up by {longest:.0f} ms at most "
                f"({used:.0f} ms of processor time), {sum(one for _, one in ticks):.1f} s together"
            )
            for index in range(keys):  # as a solve leaves it
                scene.face_solve.face.data.shape_keys.key_blocks[index + 1].keyframe_insert("value", frame=1)
    os._exit(0)


def big_head(vertices, keys):
    """A grid with colours of its own and so many shape keys, and teeth behind it."""
    side = round(vertices**0.5)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=side - 1, y_subdivisions=side - 1, size=0.2)
    head = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(size=0.02)
    bpy.context.object.parent = head
    count = len(head.data.vertices)
    colors = head.data.color_attributes.new("Skin", "FLOAT_COLOR", "POINT")
    colors.data.foreach_set("color", array("f", [0.6, 0.5, 0.4, 1.0]) * count)
    head.data.materials.append(bpy.data.materials.new("Skin"))
    head.shape_key_add(name="Basis")
    places = array("f", bytes(12 * count))
    head.data.vertices.foreach_get("co", places)
    for index in range(keys):
        block = head.shape_key_add(name=f"jawOpen{index}", from_mix=False)
        block.value = 0.0
        own, first = array("f", places), 3 * (index * 37 % (count - 100))
        for place in range(first + 2, first + 300, 3):
            own[place] += 0.002
        block.data.foreach_set("co", own)


{"keying": keying, "frames": frames, "export": export}[sys.argv[-1]]()
