"""Reads a shot folder, sends a motion that the tests know, writes a real SOLUTION.npz.

FACE_SOLVE_FAULT says what goes wrong.

It runs on any Python 3.8 or later without packages. It is no solver: it looks at no plate.
"""

import importlib.util
import json
import math
import os
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FAULT = os.environ.get("FACE_SOLVE_FAULT", "")
PACE = float(os.environ.get("FACE_SOLVE_PACE", "0"))


def load(name, path, package=None):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


protocol = load("fault_protocol", ROOT / "solver_core" / "protocol.py")
LOCK = threading.Lock()
CANCELLED = threading.Event()
FETCHED = []


def send(kind, **fields):
    with LOCK:
        sys.stdout.buffer.write(protocol.encode({"type": kind, **fields}))
        sys.stdout.buffer.flush()


def known_motion(frame):
    """Rotation (row-major), translation and weight of a frame: what the tests expect on the timeline."""
    if FAULT == "spin":
        return spin(0.13 * frame), [0.0, 0.0, 0.0], 0.5
    yaw, pitch = 0.9 * math.sin(0.21 * frame), 0.4 * math.cos(0.13 * frame)
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
    rotation = [cy, -sy * cp, sy * sp, sy, cy * cp, -cy * sp, 0.0, sp, cp]
    return rotation, [0.01 * frame, 0.5 - 0.02 * frame, 0.1], 0.5 + 0.4 * math.sin(0.3 * frame)


def known_jaw(frame):
    """Rotation (row-major) and translation of a jaw bone at a frame, against its rest."""
    return spin(0.3 + 0.2 * math.sin(0.4 * frame)), [0.001 * frame, -0.002, 0.003]


def jaw_of(locked, frame):
    if locked is not None:
        return {"joints": locked["joints"]}
    turn, shift = known_jaw(frame)
    return {"joints": {"jaw": {"rotation": turn, "translation": shift}}}


def spin(angle, axis=(0.6, 0.0, 0.8)):
    """A turn about a slanted axis, row-major."""
    x, y, z = axis
    c, s, d = math.cos(angle), math.sin(angle), 1.0 - math.cos(angle)
    return [
        c + x * x * d,
        x * y * d - z * s,
        x * z * d + y * s,
        y * x * d + z * s,
        c + y * y * d,
        y * z * d - x * s,
        z * x * d - y * s,
        z * y * d + x * s,
        c + z * z * d,
    ]


def solve(message):
    shot = json.loads((Path(message["shot"]) / "shot.json").read_text(encoding="utf-8"))
    if FAULT == "no_weights":
        send(
            protocol.FAILED,
            message="The landmark network's weights are not there.",
            remedy="Fetch them: press Download in the add-on's preferences.",
            log="",
        )
        return
    locked = {one["frame"]: one for one in shot["locked"]}
    count = len(shot["initial"]["weights"][0])
    done = []
    started = time.monotonic()
    order = list(enumerate(shot["frames"]))
    if FAULT == "unordered":
        order = order[1::2] + order[0::2]
    for position, (index, frame) in enumerate(order):
        if CANCELLED.is_set():
            break
        if position == len(order) // 2:
            break_down()
        if frame in locked and shot["stages"] == ["refinement"]:
            continue  # as the solver: refinement alone says nothing of what it leaves
        rotation, translation, weight = known_motion(frame)
        status, weights = "solved", [weight] * count
        if frame in locked:
            one = locked[frame]
            status, rotation, translation, weights = "locked", one["rotation"], one["translation"], one["weights"]
        if FAULT == "all_failed" or (FAULT == "bad_frames" and index % 4 == 1):
            status = "failed"
        error = 9.0 if FAULT == "bad_frames" and index % 4 == 2 else 0.5
        values = {
            "frame": frame,
            "status": status,
            "error_px": None if status == "failed" else error,
            "rotation": rotation,
            **(jaw_of(one if frame in locked else None, frame) if "joints" in shot["initial"] else {}),
        }
        send(
            protocol.FRAME,
            **values,
            translation=translation,
            weights=weights,
            stage="known motion",
            reason="no face was found" if status == "failed" else "",
        )
        send(
            protocol.PROGRESS,
            stage="known motion",
            done=position + 1,
            total=len(order),
            fraction=(position + 1) / len(order),
            seconds_left=1.0,
        )
        done.append(frame)
        time.sleep(PACE)
    kind = protocol.CANCELLED if CANCELLED.is_set() else protocol.FINISHED
    send(kind, solution=message["out"], frames=len(done), seconds=time.monotonic() - started)


def weights():
    """A list like the solver's; fetched is what this process has fetched."""
    common = {"what": "Sees.", "size": 100_000_000, "package": "", "by_hand": ""}
    rows = [
        {"name": "facemesh", "licence": "Apache-2.0", "state": "intact", "optional": False},
        {"name": "short_range", "licence": "Apache-2.0", "state": "altered", "optional": False},
        {
            "name": "fan",
            "licence": "BSD-3-Clause (ask their owners)",
            "state": "missing",
            "optional": True,
            "package": "face_alignment",
        },
        {"name": "raft_large", "licence": "BSD-3-Clause", "state": "missing", "optional": True, "by_hand": "Bring it."},
        {"name": "dlib_cnn", "licence": "CC0-1.0", "state": "intact" if FETCHED else "missing", "optional": True},
    ]
    return [{**common, **row} for row in rows]


def fetch(message):
    if message["fetch"]:
        for step in range(5):
            if CANCELLED.is_set():
                send(protocol.CANCELLED, solution="", frames=0, seconds=0.0)
                return
            send(
                protocol.PROGRESS,
                stage=f"fetching {message['fetch']}",
                done=step,
                total=5,
                fraction=step / 5,
                seconds_left=None,
            )
            time.sleep(PACE)
        FETCHED.append(message["fetch"])
    send(protocol.LISTED, weights=weights())


FITTED = {"identity_nose": 0.25, "id_jaw": -1.5}  # what it answers to a fit; the tests' rigs have these keys
ZOOM = 1.25


def fit_rig(message):
    shot = json.loads((Path(message["shot"]) / "shot.json").read_text(encoding="utf-8"))
    if FAULT == "no_face":
        send(protocol.FAILED, message="No frame of the plate shows a face that can be solved.", remedy="", log="")
        return
    send(protocol.PROGRESS, stage="rig", done=1, total=1, fraction=1.0, seconds_left=0.0)
    names = ["identity_nose"] if FAULT == "short" else list(FITTED)
    send(
        protocol.FITTED,
        solution=message["out"],
        names=names,
        weights=list(FITTED.values()),
        focal={camera["name"]: ZOOM if message["focal"] else 1.0 for camera in shot["cameras"]},
        focal_range={camera["name"]: [0.9 * ZOOM, 1.2 * ZOOM] for camera in shot["cameras"]},
        frames=message["frames"] or shot["frames"][:8],
        error_px=[4.0, 1.0],
        seconds=0.1,
    )


def break_down():
    if FAULT == "crash":
        sys.stderr.write("segmentation fault, said the test\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(3600)  # a signal may take a moment
    if FAULT == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(3600)
    if FAULT == "garbage":
        for _ in range(5):
            os.write(1, b"\xff\xfe this is no message\n")
    if FAULT == "nan":
        os.write(
            1,
            b'{"type":"frame","frame":1,"status":"solved","error_px":1,"rotation":[NaN,0,0,0,1,0,0,0,1],"translation":[0,0,0],"weights":[0,0]}\n',
        )
    if FAULT == "short":
        os.write(
            1,
            b'{"type":"frame","frame":1,"status":"solved","error_px":1,"rotation":[1,0,0],"translation":[0,0,0],"weights":[]}\n',
        )


def heartbeat():
    while True:
        time.sleep(protocol.HEARTBEAT_SECONDS)
        send(protocol.HEARTBEAT)


def main():
    if FAULT == "exit":
        sys.exit(3)
    if FAULT == "flood":
        while True:
            os.write(1, b"Hello, I am another program\n")
    version = protocol.PROTOCOL_VERSION + {"newer": 1, "older": -1}.get(FAULT, 0)
    send(protocol.HELLO, protocol=version, version="test", python=sys.version.split()[0], device="cpu", pid=os.getpid())
    threading.Thread(target=heartbeat, daemon=True).start()
    work = None
    for line in sys.stdin.buffer:
        message = protocol.decode(line)
        if message["type"] == protocol.SOLVE:
            work = threading.Thread(target=solve, args=(message,), daemon=True)
            work.start()
        elif message["type"] == protocol.FIT_RIG:
            fit_rig(message)
        elif message["type"] == protocol.CANCEL:
            CANCELLED.set()
        elif message["type"] == protocol.CHECK:
            send(protocol.CHECKED, lines=["The test worker answers.", "It is quick."], ok=True, weights=weights())
        elif message["type"] == protocol.WEIGHTS:
            threading.Thread(target=fetch, args=(message,), daemon=True).start()
        elif message["type"] == protocol.QUIT:
            break


if __name__ == "__main__":
    main()
