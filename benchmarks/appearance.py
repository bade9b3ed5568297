"""How far the landmarks of render and plate lie apart at the true parameters.

Before and after the appearance is estimated (Figure 1 b).

usage: python -m benchmarks.appearance [--shared ../shared] [--every 12]

What is left at the truth is bias: a solve that brings it to zero leaves the truth. Prints, for every n-th frame of
camera A of the shots with known answers, the median over the frames and the largest of the RMS landmark distance in
plate pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core.face.head_parts import head_parts
from solver_core.look.albedo import albedo_of
from solver_core.look.synthesis import picture
from solver_core.observe.landmarks import landmarks_of
from solver_core.observe.observer import SIZE
from solver_core.solve import prepare_context
from solver_core.stages.context import Context
from solver_core.stages.shared.light import START, estimate_lights

SHOTS = ("talk", "dressed")
PLAIN_HEAD, PARTS, COLORS = "one colour", "one for each part", "the rig's"
# name: (colours of the head, the light fitted, the plate behind)
VARIANTS = {
    "grey head, default light, grey behind it": (PLAIN_HEAD, False, False),
    "the plate filled in behind it": (PLAIN_HEAD, False, True),
    "light fitted, grey behind it": (PLAIN_HEAD, True, False),
    "light fitted, the plate behind it": (PLAIN_HEAD, True, True),
    "eyes, teeth and lips of one colour each, light fitted, the plate behind it": (PARTS, True, True),
    "the rig's colours, default light, the plate behind it": (COLORS, False, True),
    "the rig's colours, light fitted, the plate behind it": (COLORS, True, True),
}


def bias(context: Context, *, colors: str, light: bool, behind: bool) -> np.ndarray:
    """[N] RMS distance of the landmarks at the context's poses, plate pixels."""
    context.look = replace(
        context.look,
        albedo=albedo_of(context.rig if colors == COLORS else replace(context.rig, colors=None)),
        parts=head_parts(context.rig, context.embedding, context.layout) if colors == PARTS else None,
        lights=(START,) * len(context.views),
    )
    if light:
        estimate_lights(context)
    (view,) = context.views
    index = np.flatnonzero(view.seen)
    plates = view.images(index, SIZE)
    background = plates if behind else np.full_like(plates, 0.5)
    shown = picture(context.rig, context.renderer, view, context.pose[index], index, SIZE, context.look, background)
    apart = landmarks_of(context.network, plates) - landmarks_of(context.network, shown.rendering.image)
    scale = np.array([view.crop(int(i), SIZE).scale for i in index])
    return np.sqrt((apart**2).sum(2).mean(1)) * scale


def biases(shared: Path, name: str, scratch: Path, every: int) -> list[str]:
    """Median and largest of every variant."""
    shot, truth = exported(shared, name, scratch, every)
    context = prepare_context(shot, lambda _done, _total: True)
    context.pose = truth.at(shot.frames, shot.rig.names)
    found = []
    for colors, light, behind in VARIANTS.values():
        apart = bias(context, colors=colors, light=light, behind=behind)
        found.append(f"{np.median(apart):.2f}, {apart.max():.2f}")
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--every", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        columns = [biases(arguments.shared, name, Path(scratch), arguments.every) for name in SHOTS]
    print(f"| at the truth | {' | '.join(SHOTS)} |")
    print("| --- " * (1 + len(SHOTS)) + "|")
    for row, variant in enumerate(VARIANTS):
        print(f"| {variant} | {' | '.join(column[row] for column in columns)} |")


if __name__ == "__main__":
    main()
