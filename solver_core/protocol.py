"""Messages between the add-on and the solver's process: one JSON object a line, over pipes.

This file is the only one that both sides share; it uses the standard library alone and runs on Python 3.10.
The conversation is described in docs/protocol.md.
"""

from __future__ import annotations

import json
from typing import Any

PROTOCOL_VERSION = 2
SHOT_SCHEMA_VERSION = 2
SHOT_SCHEMAS_READ = (1, 2)  # 1: of joints the jaw alone, in fields of its own
HEARTBEAT_SECONDS = 1.0

JAW = "jaw"  # what the joint that carries the lower jaw is called, in every document and message

SHIPPED_STAGES = ("paper",)  # stage files that come with the solver, by the names that stand for their paths

Message = dict[str, Any]

# From the add-on to the worker.
SOLVE = "solve"  # shot, out, workers
FIT_RIG = "fit_rig"  # shot, out, focal (bool), frames (list, empty: the solver chooses)
CANCEL = "cancel"
CHECK = "check"  # device
WEIGHTS = "weights"  # fetch: the name of those to bring; empty to list them alone
OPEN = "open"  # rig: a rig.npz to drag by pins
# number, pins, cameras and pose of one frame, free: HEAD, EXPRESSION or a list of groups; only the newest is answered
DRAG = "drag"
QUIT = "quit"

# From the worker to the add-on.
HELLO = "hello"  # protocol, version, python, device, pid
HEARTBEAT = "heartbeat"
PROGRESS = "progress"  # stage, done, total, fraction, seconds_left
# frame, status, error_px, error, regions (name of REGIONS -> error), doubt, rotation (9), translation (3), weights (K),
# stage, joints (name -> rotation (9), translation (3))
FRAME = "frame"
WARNING = "warning"  # message
FINISHED = "finished"  # solution, frames, seconds
# names, weights, focal (camera -> factor), focal_range (camera -> lowest, highest), frames, error_px (at rest, fitted),
# solution, seconds
FITTED = "fitted"
CANCELLED = "cancelled"  # solution, frames, seconds
OPENED = "opened"  # names: the rig's shape keys
DRAGGED = "dragged"  # number, rotation (9), translation (3), weights (K), joints as in FRAME
FAILED = "failed"  # message, remedy, log
CHECKED = "checked"  # lines: what was found, one sentence each; ok; weights: as below
# weights: name, what, licence, size (bytes to download), state, package, optional, by_hand of each network
LISTED = "listed"

# What a drag may change beside groups of shape keys.
HEAD = "head"  # and the expression, where there are pins enough
EXPRESSION = "expression"

# What became of a frame.
SOLVED = "solved"
INFILLED = "infilled"
INTERPOLATED = "interpolated"
LOCKED = "locked"
FRAME_FAILED = "failed"
FRAME_STATUSES = (SOLVED, INFILLED, INTERPOLATED, LOCKED, FRAME_FAILED)

# The face's regions whose errors are told one by one, as the frame's is in thousandths of the face's size in the plate.
REGIONS = ("mouth", "eyes", "brows", "outline")

# What a frame's numbers may be, over the pipe and in files: beyond it is a mistake, not a performance.
FARTHEST_FRAME = 1_048_574  # Blender's frames go so far, to both sides
FARTHEST = 1e7  # scene units from the origin
LARGEST_WEIGHT = 1e3  # of a shape key; Blender's sliders end at 10

# What a frame's numbers may be, over the pipe and in files: beyond it is a mistake, not a performance.
FARTHEST_FRAME = 1_048_574  # Blender's frames go so far, to both sides
FARTHEST = 1e7  # scene units from the origin
LARGEST_WEIGHT = 1e3  # of a shape key; Blender's sliders end at 10


class ProtocolError(ValueError):
    """A line that is no message."""


def encode(message: Message) -> bytes:
    """One message as a line of UTF-8 JSON. NaN and infinity are refused: no reader agrees on them.

    Raises:
        ProtocolError: where a value cannot be written, or `type` is missing.
    """
    if not isinstance(message.get("type"), str):
        raise ProtocolError("a message needs a 'type'")
    try:
        return (json.dumps(message, allow_nan=False, separators=(",", ":")) + "\n").encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"cannot encode {message.get('type')!r}: {error}") from error


def decode(line: bytes) -> Message:
    """The message on one line.

    Raises:
        ProtocolError: where the line is no JSON object with a 'type'.
    """
    try:
        message = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"not a message: {line[:80]!r}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError(f"not a message: {line[:80]!r}")
    return message
