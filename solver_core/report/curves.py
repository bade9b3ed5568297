"""Curves over the shot's frames: the error with the frames that failed, the head's motion, the shape keys that move."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.spatial.transform import Rotation

from solver_core import protocol
from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.documents.solution import Solution
from solver_core.face.pose import Pose
from solver_core.report.compare import MEASURES

SOLVED, TRUE = "#1a7f64", "#d9822b"
SHADES = {
    protocol.FRAME_FAILED: "#d64545",
    protocol.LOCKED: "#4573d6",
    protocol.INFILLED: "#b58900",
    protocol.INTERPOLATED: "#8a8a8a",
}
MOVES = 0.05  # a shape key that never leaves zero by more than this is left out
COLUMNS = 4


def moving(weights: Floats) -> Ints:  # [N,K]
    """Indices of the shape keys that leave zero, those with the widest range first."""
    if not len(weights):
        return np.zeros(0, np.int64)
    reach = np.maximum(np.ptp(weights, axis=0), np.abs(weights).max(0))
    return np.argsort(-reach, kind="stable")[: int((reach > MOVES).sum())]


def euler_degrees(rotation: Floats) -> Floats:  # [N,3,3]
    """[N,3] Blender's XYZ Euler angles, degrees, without jumps of a full turn."""
    return np.degrees(np.unwrap(Rotation.from_matrix(rotation).as_euler("xyz"), axis=0))


def error_curve(solution: Solution) -> Figure:
    """The error of every frame, and below it of its regions, in thousandths of the face's size in the plate.

    Frames that are not simply solved have the colour of their status behind them. A solution of before 0.2 has the
    landmark error in plate pixels alone.
    """
    told = bool(np.isfinite(solution.error).any()) or not np.isfinite(solution.error_px).any()
    figure = Figure((11, 6.4 if told else 3.4), layout="constrained")
    axes = figure.subplots(2 if told else 1, 1, sharex=True, squeeze=False)[:, 0]
    axis = axes[0]
    error = solution.error if told else solution.error_px
    axis.plot(solution.frames, error, ".-", color=SOLVED, linewidth=1.2, markersize=5)
    if np.isfinite(error).any():
        median = float(np.nanmedian(error))
        axis.axhline(median, color="#777777", linestyle="--", linewidth=0.8, label=f"median {median:.2f}")
    for status, colour in SHADES.items():
        frames = solution.frames[np.array([s == status for s in solution.status], bool)]
        for number, frame in enumerate(frames):
            axis.axvspan(
                frame - 0.5, frame + 0.5, color=colour, alpha=0.25, linewidth=0, label=None if number else status
            )
    doubted = np.array([bool(doubt) for doubt in solution.doubt], bool)
    axis.plot(solution.frames[doubted], error[doubted], "x", color=SHADES[protocol.FRAME_FAILED], markersize=7)
    _dress(axis, solution.frames, "error, thousandths of the face" if told else "landmark error, plate pixels")
    for name, values in solution.regions.items() if told else ():
        axes[1].plot(solution.frames, values, ".-", linewidth=1, markersize=3, label=name)
    if told:
        _dress(axes[1], solution.frames, "the same of each region")
    for one in axes:
        one.set_ylim(bottom=0)
        if one.get_legend_handles_labels()[0]:
            one.legend(loc="upper right", fontsize=8)
    axes[-1].set_xlabel("frame")
    return figure


def motion_curves(frames: Ints, pose: Pose, keyed: Bools, truth: Pose | None = None) -> Figure:
    """Rotation as Euler degrees and translation in millimetres; `keyed` [N] are the frames that have a result."""
    figure = Figure((11, 5), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True)
    rotation, translation = _kept(euler_degrees(pose.rotation), keyed), _kept(1e3 * pose.translation, keyed)
    for column, letter in enumerate("XYZ"):
        axes[0, column].plot(frames, rotation[:, column], ".-", color=SOLVED, linewidth=1, markersize=4)
        axes[1, column].plot(frames, translation[:, column], ".-", color=SOLVED, linewidth=1, markersize=4)
        _dress(axes[0, column], frames, f"rotation {letter}, degrees")
        _dress(axes[1, column], frames, f"translation {letter}, mm")
        axes[1, column].set_xlabel("frame")
    if truth is not None:
        for row, values in zip(
            axes, (_beside(euler_degrees(truth.rotation), rotation), 1e3 * truth.translation), strict=True
        ):
            for axis, true in zip(row, values.T, strict=True):
                axis.plot(frames, true, "--", color=TRUE, linewidth=1)
        _legend(figure)
    return figure


def weight_curves(
    frames: Ints, weights: Floats, names: tuple[str, ...], keyed: Bools, truth: Floats | None = None
) -> Figure:
    """The shape keys that move, one small diagram each, by the width of their range."""
    everything = weights[keyed] if truth is None else np.concatenate([weights[keyed], truth])
    chosen = moving(everything)
    rows = max(1, math.ceil(len(chosen) / COLUMNS))
    figure = Figure((11, 0.6 + 1.4 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False).ravel()
    for axis, key in zip(axes, chosen, strict=False):
        axis.plot(frames, _kept(weights[:, key], keyed), ".-", color=SOLVED, linewidth=1, markersize=3)
        if truth is not None:
            axis.plot(frames, truth[:, key], "--", color=TRUE, linewidth=1)
        _dress(axis, frames, names[key])
        axis.set_ylim(
            min(0.0, float(everything[:, key].min())) - 0.05, max(1.0, float(everything[:, key].max())) + 0.05
        )
    for axis in axes[len(chosen) :]:
        axis.set_axis_off()
    if not len(chosen):
        figure.suptitle("No shape key moves.", fontsize=10)
    elif truth is not None:
        _legend(figure)
    return figure


def comparison_curves(frames: Ints, measured: dict[str, Floats], hidden: Ints) -> Figure:
    """Every measure against the known answer; frames where the face was covered are shaded."""
    rows = math.ceil(len(measured) / 2)
    figure = Figure((11, 0.6 + 2 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, sharex=True, squeeze=False).ravel()
    for axis, (name, values) in zip(axes, measured.items(), strict=False):
        axis.plot(frames, values, ".-", color=SOLVED, linewidth=1.2, markersize=4)
        axis.axhline(float(np.median(values)), color="#777777", linestyle="--", linewidth=0.8)
        for frame in np.intersect1d(frames, hidden):
            axis.axvspan(frame - 0.5, frame + 0.5, color="#8a8a8a", alpha=0.25, linewidth=0)
        _dress(axis, frames, f"{name.replace('_', ' ')}: {MEASURES[name].split(',')[0]}")
        axis.set_ylim(bottom=0)
    for axis in axes[len(measured) :]:
        axis.set_axis_off()
    return figure


def axis_curves(frames: Ints, takes: Mapping[str, tuple[Floats, Floats]]) -> Figure:
    """How far takes, by their names, are from an answer, axis by axis: what `compare.by_axis` gives (Figure 5)."""
    figure = Figure((11, 5), layout="constrained")
    axes = figure.subplots(2, 3, sharex=True)
    for row, what in zip(axes, ("rotation {}, degrees", "translation {}, mm"), strict=True):
        for axis, letter in zip(row, "XYZ", strict=True):
            axis.axhline(0.0, color="#777777", linewidth=0.8)
            _dress(axis, frames, what.format(letter))
    for colour, (name, errors) in zip((SOLVED, TRUE, *SHADES.values()), takes.items(), strict=False):
        for row, values in zip(axes, errors, strict=True):
            for axis, error in zip(row, values.T, strict=True):
                axis.plot(frames, error, ".-", color=colour, linewidth=1, markersize=4, label=name)
    for axis in axes[1]:
        axis.set_xlabel("frame")
    if len(takes) > 1:
        axes[0, 0].legend(fontsize=8)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a PNG."""
    figure.savefig(path, dpi=110)


def _kept(values: Floats, keyed: Bools) -> Floats:
    """The values with a gap where nothing was solved."""
    out = np.array(values, np.float64)
    out[~keyed] = np.nan
    return out


def _beside(angles: Floats, reference: Floats) -> Floats:
    """The same angles, moved by whole turns to where the reference's are."""
    gap = np.nanmedian(reference - angles, axis=0) if np.isfinite(reference).all(1).any() else np.zeros(3)
    return angles + 360 * np.round(gap / 360)


def _dress(axis: Axes, frames: Ints, title: str) -> None:
    axis.set_title(title, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.25)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10], min_n_ticks=1))
    axis.ticklabel_format(useOffset=False)
    if len(frames):
        axis.set_xlim(frames[0] - 0.5, frames[-1] + 0.5)


def _legend(figure: Figure) -> None:
    figure.suptitle("solid green: solved; dashed orange: the known answer", fontsize=9)
