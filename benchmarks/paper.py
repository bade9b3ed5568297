"""The paper's recipe on a shot with a known answer, as a document with its figures: writes docs/paper.md.

usage: python -m benchmarks.paper [--frames 3] [--consecutive 4] [--keep DIR] [--backward] [--reference]

It needs ../shared and Blender 4.5 for the shot's export. Processor time a frame is half a minute to a minute; what is
solved is kept in --keep and not solved again. --backward also solves one frame with the paper's own Jacobian, which
takes an hour; --reference one with OpenDR and chumpy, where `make reference` has built them. The words of the document
are in benchmarks/paper_text.md.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import paper_pictures as pictures
from benchmarks.exported import ROOT
from benchmarks.paper_solves import (
    BACKWARD,
    DEFAULT,
    EXACT,
    HELD,
    MATERIAL,
    OTHER_READING,
    TWO_CAMERAS,
    Footage,
    Solved,
    Variant,
    footage,
    solved,
)
from solver_core.face.pose import Pose
from solver_core.networks.registry import LAYOUTS
from solver_core.report import curves
from solver_core.report.compare import Face, by_axis, jitter, measure
from solver_core.stages.kinds.fill import Fill
from solver_core.stages.kinds.refine import Refine
from solver_core.stages.shared.gaps import Gap
from solver_core.stages.shared.interpolation import interpolated
from solver_core.stages.stage_file import read_stages

TEXT = Path(__file__).with_name("paper_text.md")
IMAGES = "images/paper"
EVERY = 16  # frames between those of the table
GAP = [17, 18, 19, 20, 21]  # the mouth opens and stays open, as in Figure 2: both ends known, three frames filled
FIRST = 16  # of the consecutive frames
REFERENCE = Variant(
    "OpenDR + chumpy, backward",
    "A",
    {"jacobian": "backward"},
    options=("--renderer", "opendr", "--minimiser", "chumpy"),
)
ROWS = (EXACT, TWO_CAMERAS, MATERIAL, HELD, OTHER_READING, DEFAULT)
HEADINGS = ["rotation_deg", "depth_mm", "lateral_mm", "vertex_mm", "shape_mm"]


def table(rows: dict[str, tuple[dict[str, float], Solved]]) -> str:
    """Medians, iterations and seconds of each row, and its time over the exact one's."""
    exact = rows[EXACT.name][1].seconds
    lines = [
        "| recipe | rotation, degrees | depth, mm | lateral, mm | vertex, mm | shape, mm | steps | s a frame | ratio |",
        "| --- " + "| ---: " * 8 + "|",
    ]
    for name, (errors, one) in rows.items():
        cells = [f"{errors[heading]:.2f}" for heading in HEADINGS]
        cells += ["-" if one.iterations is None else f"{one.iterations:.0f}"]
        lines.append(f"| {name} | {' | '.join(cells)} | {one.seconds:.1f} | {one.seconds / exact:.2f} |")
    return "\n".join(lines)


def filled(on: Footage, file: Path) -> str:
    """Figures 2 and 4 on the gap, whose ends hold the known answer; what each way leaves, as a sentence."""
    context, truth = on.seen_by("A"), on.truth
    inner = np.arange(1, len(GAP) - 1)
    context.pose = truth[np.arange(len(GAP))]
    context.fill[:] = False
    context.fill[inner] = True
    context.known = ~context.fill
    straight = truth[np.arange(len(GAP))]
    straight.assign(inner, interpolated(context, Gap(inner, 0, len(GAP) - 1)))
    (step,) = read_stages(Path("paper"), LAYOUTS["facemesh"])["infill"]
    assert isinstance(step, Fill)
    for _ in step.run(context):
        pass
    pictures.infill(context, context.pose, straight, list(range(len(GAP))), file)
    face = Face(context.rig, context.embedding.face)
    by_flow, by_line = (measure(pose[inner], truth[inner], face) for pose in (context.pose, straight))
    return (
        f"Mean distance of the face's vertices over the {len(inner)} filled frames: "
        f"{by_flow['vertex_mm'].mean():.2f} mm by flow, {by_line['vertex_mm'].mean():.2f} mm interpolated; "
        f"shape alone {by_flow['shape_mm'].mean():.2f} mm and {by_line['shape_mm'].mean():.2f} mm."
    )


def refined(on: Footage, take: Pose, file: Path) -> str:
    """Section 8 on consecutive frames: curves before and after, and what changed, as a table."""
    truth, face = on.truth, None
    (step,) = read_stages(Path("paper"), LAYOUTS["facemesh"])["refinement"]
    assert isinstance(step, Refine)
    ways = {"flow": step, "self-smoothing in the picture": replace(step, flow=False, renders=False)}
    takes = {"before": take}
    for name, way in ways.items():
        context = on.seen_by("A")
        context.shot = replace(context.shot, settings=replace(context.shot.settings, refinement=1.0))
        context.pose = take[np.arange(len(take))]
        face = Face(context.rig, context.embedding.face)
        for _ in way.run(context):
            pass
        takes[name] = context.pose
    assert face is not None
    curves.save(curves.axis_curves(on.shot.frames, {name: by_axis(pose, truth) for name, pose in takes.items()}), file)
    lines = [
        "| consecutive frames | jitter | rotation, degrees | vertex, mm | shape, mm |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, pose in takes.items():
        found = measure(pose, truth, face)
        errors = [float(np.median(found[one])) for one in ("rotation_deg", "vertex_mm", "shape_mm")]
        lines.append(f"| {name} | {jitter(pose, truth, face):.2f} | {' | '.join(f'{one:.2f}' for one in errors)} |")
    return "\n".join(lines)


def main() -> None:
    """Solve, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument(
        "--frames", type=int, default=3, help=f"every {EVERY}th frame, so many; more than three: closer"
    )
    parser.add_argument("--consecutive", type=int, default=4, help="frames that are refined")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "paper.md")
    parser.add_argument("--keep", type=Path, help="what is solved stays here, and is taken from here")
    parser.add_argument("--leave-out", default="", help="rows of the table, with ; between them")
    parser.add_argument("--backward", action="store_true", help="solve one frame with the paper's own Jacobian")
    parser.add_argument("--reference", action="store_true", help="solve one frame with OpenDR and chumpy")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        keep = arguments.keep or Path(temporary)
        keep.mkdir(parents=True, exist_ok=True)
        write(arguments, keep)


def write(arguments: argparse.Namespace, keep: Path) -> None:
    """The document and its pictures."""
    images = arguments.out.parent / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    spread = np.arange(arguments.frames) * max(1, min(EVERY, 48 // arguments.frames))
    on = footage(arguments.shared, keep, spread.tolist())
    left_out = arguments.leave_out.split(";")
    found = {variant.name: solved(variant, on, keep) for variant in ROWS if variant.name not in left_out}
    rows = {name: (on.errors(one.pose), one) for name, one in found.items()}
    for variant in [BACKWARD] * arguments.backward + [REFERENCE] * arguments.reference:
        single = footage(arguments.shared, keep, [0])
        one = solved(variant, single, keep)
        rows[f"{variant.name}, first frame"] = (single.errors(one.pose), one)
    mono, stereo = found[EXACT.name].pose, found[TWO_CAMERAS.name].pose
    at = len(spread) // 2
    context = on.seen_by("A,B")
    context.pose = mono[np.arange(len(mono))]
    pictures.overview(context, at, images / "figure1.jpg")
    pictures.cameras(context, {"one camera": mono, "two cameras": stereo}, at, images / "figure3.jpg")
    errors = {"one camera": by_axis(mono, on.truth), "two cameras": by_axis(stereo, on.truth)}
    curves.save(curves.axis_curves(on.shot.frames, errors), images / "figure5.png")
    infill = filled(footage(arguments.shared, keep, GAP), images / "figure4.jpg")
    row = footage(arguments.shared, keep, list(range(FIRST, FIRST + arguments.consecutive)))
    refinement = refined(row, solved(EXACT, row, keep).pose, images / "refinement.png")
    text = TEXT.read_text(encoding="utf-8")
    parts = {
        "command": f"python -m benchmarks.paper --frames {arguments.frames} --consecutive {arguments.consecutive}",
        "frames": ", ".join(map(str, on.shot.frames)),
        "table": table(rows),
        "infill": infill,
        "refinement": refinement,
    }
    for name, part in parts.items():
        text = text.replace("{" + name + "}", part)
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
