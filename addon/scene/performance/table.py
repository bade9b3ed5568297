"""Live Link Face's CSV: a row a frame, ARKit's 52 expressions, turns of head and eyes in radians; no bpy.

Columns of other names follow after ARKit's: what a rig has beyond them is not lost.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Dict, List, Optional, Sequence, Tuple

from ...problem import FaceSolveProblem

_BOTH = ("Left", "Right")
_EYE = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
ARKIT = (
    *(f"Eye{what}{side}" for side in _BOTH for what in _EYE),
    "JawForward",
    "JawRight",
    "JawLeft",
    "JawOpen",
    "MouthClose",
    "MouthFunnel",
    "MouthPucker",
    "MouthRight",
    "MouthLeft",
    *(f"Mouth{what}{side}" for what in ("Smile", "Frown", "Dimple", "Stretch") for side in _BOTH),
    "MouthRollLower",
    "MouthRollUpper",
    "MouthShrugLower",
    "MouthShrugUpper",
    *(f"Mouth{what}{side}" for what in ("Press", "LowerDown", "UpperUp") for side in _BOTH),
    "BrowDownLeft",
    "BrowDownRight",
    "BrowInnerUp",
    "BrowOuterUpLeft",
    "BrowOuterUpRight",
    "CheekPuff",
    "CheekSquintLeft",
    "CheekSquintRight",
    "NoseSneerLeft",
    "NoseSneerRight",
    "TongueOut",
)
TURNS = tuple(f"{what}{axis}" for what in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll"))
_RATES = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 100.0, 120.0, 240.0)
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})[:;](\d{1,3}(?:\.\d+)?)")
LARGEST_GAP = 0.5  # seconds without a row that are bridged; more was not recorded
LONGEST = 1 << 27  # bytes of a file; an hour of sixty rows a second has a hundred million


@dataclass
class Performance:
    """What a CSV holds.

    Args:
        seconds: of each row, from the first one on, rising.
        columns: values of each expression, as many as there are rows, by the name in the file.
    """

    seconds: List[float] = field(default_factory=list)
    columns: Dict[str, List[float]] = field(default_factory=dict)


def plain(name: str) -> str:
    """A key's name as all programs have it: `eyeBlink_L`, `EyeBlinkLeft` and `eye_blink.L` are the same."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    parts = [part for part in re.split(r"[^A-Za-z0-9]+", text.lower()) if part]
    if len(parts) > 1 and parts[-1] in ("l", "r"):
        parts[-1] = {"l": "left", "r": "right"}[parts[-1]]
    return "".join(parts)


def write_table(rows: Sequence[Tuple[float, Dict[str, float]]], rate: float) -> str:
    """The CSV's text.

    Args:
        rows: seconds, and values by column: expressions by any name, `TURNS` in radians.
        rate: frames a second; a row's time is written in these.
    """
    known = {plain(name): name for name in (*ARKIT, *TURNS)}
    used = list(dict.fromkeys(name for _, values in rows for name in values))
    more = [name for name in used if plain(name) not in known]
    header = [*ARKIT, *TURNS, *more]
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(["Timecode", "BlendShapeCount", *header])
    for seconds, values in rows:
        by_name = {known.get(plain(name), name): value for name, value in values.items()}
        numbers = [f"{by_name.get(name, 0.0):.6f}" for name in header]
        out.writerow([timecode(seconds, rate), len(ARKIT) + len(TURNS), *numbers])
    return text.getvalue()


def timecode(seconds: float, rate: float) -> str:
    """Hours, minutes, seconds and frames with their thousandths, such as 00:00:01:12.000."""
    thousandths = round(seconds * rate * 1000.0)
    whole_rate = max(1, math.ceil(rate - 1e-6))
    whole, rest = divmod(thousandths, 1000)
    # A rate that is no whole number counts whole seconds of it: 29.97 has 30 frames in each.
    second, frame = divmod(whole, whole_rate)
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}:{frame:02d}.{rest:03d}"


def read_table(text: str, rate: Optional[float] = None) -> Performance:
    """Parse a CSV.

    Args:
        text: the file's.
        rate: frames a second that its times count; None finds it from the highest frame number.

    Raises:
        FaceSolveProblem: where it is no such table, or a row is damaged (its line is named).
    """
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    if not rows or not rows[0] or plain(rows[0][0]) != "timecode":
        raise FaceSolveProblem(
            "This is no Live Link Face table: its first column is not called Timecode.",
            "Choose the CSV that Live Link Face or another program wrote with ARKit's names.",
        )
    header = rows[0]
    shown = [i for i, name in enumerate(header) if i and name and plain(name) != "blendshapecount"]
    times: List[Tuple[int, float]] = []
    columns: Dict[str, List[float]] = {header[i]: [] for i in shown}
    if len(columns) != len(shown):
        twice = next(header[i] for i in shown if header.count(header[i]) > 1)
        raise FaceSolveProblem(f"The column {twice} is in the table twice.", "Take one of them out.")
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        found = _TIME.fullmatch(row[0].strip())
        if found is None or len(row) <= max(shown, default=0):
            raise FaceSolveProblem(f"Line {line} of the table is damaged: {','.join(row)[:40]}", "Export it again.")
        hours, minutes, seconds = map(int, found.groups()[:3])
        times.append((hours * 3600 + minutes * 60 + seconds, float(found.group(4))))
        for i in shown:
            columns[header[i]].append(_number(row[i], header[i], line))
    if not times:
        raise FaceSolveProblem("The table has no rows.", "Export it again.")
    if rate is None:
        highest = max(frame for _, frame in times)
        rate = next((one for one in _RATES if one > highest), _RATES[-1])
    seconds = [second + frame / rate for second, frame in times]
    if any(later <= earlier for earlier, later in pairwise(seconds)):
        order = sorted(range(len(seconds)), key=seconds.__getitem__)
        order = [i for n, i in enumerate(order) if n == 0 or seconds[i] > seconds[order[n - 1]]]
        seconds = [seconds[i] for i in order]
        columns = {name: [values[i] for i in order] for name, values in columns.items()}
    first = seconds[0]
    return Performance([one - first for one in seconds], columns)


def _number(cell: str, name: str, line: int) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 1e3:
        raise FaceSolveProblem(f"{name} in line {line} of the table is no value: {cell[:20]!r}.", "Export it again.")
    return value


def sample(performance: Performance, name: str, rate: float) -> Dict[int, float]:
    """A column at whole frames from the first row on, between rows by straight lines; gaps stay empty.

    Args:
        performance: the table.
        name: the column.
        rate: frames a second.
    """
    seconds, values = performance.seconds, performance.columns[name]
    sampled: Dict[int, float] = {}
    row = 0
    for frame in range(math.floor(seconds[-1] * rate + 1e-6) + 1):
        at = min(frame / rate, seconds[-1])
        while row + 1 < len(seconds) and seconds[row + 1] <= at:
            row += 1
        if row + 1 == len(seconds) or seconds[row] == at:
            sampled[frame] = values[row]
            continue
        gap = seconds[row + 1] - seconds[row]
        if gap <= LARGEST_GAP:
            share = (at - seconds[row]) / gap
            sampled[frame] = values[row] + share * (values[row + 1] - values[row])
    return sampled
