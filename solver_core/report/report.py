"""A solution as a folder of pictures, curves and numbers with a page that shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from solver_core.common.arrays import Bools, Floats, Ints
from solver_core.common.errors import FaceSolveError
from solver_core.documents.shot import Shot, load_shot
from solver_core.documents.solution import Solution, load_solution
from solver_core.face.pose import Pose
from solver_core.protocol import FRAME_FAILED, FRAME_STATUSES, REGIONS
from solver_core.report import compare, curves, pictures
from solver_core.report.page import Page
from solver_core.solve import prepare_context
from solver_core.stages.context import Context


@dataclass(frozen=True)
class _Known:
    """The known answer of the frames that have one."""

    rows: Ints  # [n] indices of the solution's frames
    frames: Ints  # [n]
    pose: Pose  # n
    hidden: Ints


def report(
    solution_path: Path,
    out: Path,
    shot_folder: Path | None = None,
    truth_path: Path | None = None,
    against_path: Path | None = None,
) -> Path:
    """Write the report and return its page.

    Args:
        solution_path: SOLUTION.npz.
        out: the folder, made where it is absent.
        shot_folder: the shot that was solved; None is the one that the solution names, if it is still there.
        truth_path: the known answer, if there is one.
        against_path: another take, SOLUTION.npz, to compare with.

    Raises:
        FaceSolveError: no such solution, shot or answer, or one that does not belong to the others; weights absent.
    """
    solution = load_solution(solution_path)
    shot, absent = _shot_of(solution, shot_folder)
    truth = None if truth_path is None else _known(solution, compare.load_truth(truth_path), truth_path)
    other = None if against_path is None else _known(solution, compare.load_take(against_path), against_path)
    keyed = np.array([status != FRAME_FAILED for status in solution.status], bool)
    index = pictures.chosen_frames(solution)
    context = _context(shot, solution, index) if shot is not None and len(index) else None
    try:
        out.mkdir(parents=True, exist_ok=True)
        page = Page(f"Face Solve: {shot.name if shot else solution_path.name}")
        _overview(page, solution)
        _error(page, out, solution)
        if context is not None:
            _pictures(page, out, context, solution)
        elif absent:
            page.text(absent)
        _parameters(page, out, solution, keyed, truth)
        if truth is not None:
            page.heading("Against the known answer")
            _comparison(page, out, solution, keyed, truth, shot, context)
        if other is not None and against_path is not None:
            page.heading(f"Against {against_path.name}")
            page.text("Another take, in the place of a known answer: what follows is how far the two are apart.")
            _comparison(page, out, solution, keyed, other, shot, context, prefix="against_")
        page.save(out / "index.html")
    except OSError as error:
        raise FaceSolveError(
            f"The report cannot be written to {out}: {error.strerror or error}.", "Choose a folder that can be written."
        ) from error
    return out / "index.html"


def _shot_of(solution: Solution, folder: Path | None) -> tuple[Shot | None, str]:
    """The shot, or why there are no pictures."""
    if folder is None:
        named = solution.settings.get("shot")
        if not named:
            return None, "This solution does not name its shot, so there are no pictures: give it with --shot."
        folder = Path(str(named))
        if not (folder / "shot.json").is_file():
            return None, f"The shot folder {folder} is gone, so there are no pictures: give its new place with --shot."
    shot = load_shot(folder)
    if shot.rig.names != solution.names or not np.isin(solution.frames, shot.frames).all():
        raise FaceSolveError(
            f"The solution was not made from the shot in {folder}: its frames or shape keys differ.",
            "Give the right shot with --shot.",
        )
    used = {name: solution.settings.get(name, getattr(shot.settings, name)) for name in ("landmarks", "flow")}
    shot = replace(shot, settings=replace(shot.settings, **used))
    return shot.at(np.searchsorted(shot.frames, solution.frames)), ""


def _known(solution: Solution, truth: compare.Truth, path: Path) -> _Known:
    rows = np.flatnonzero(np.isin(solution.frames, truth.frames))
    if not len(rows):
        raise FaceSolveError(f"{path} knows none of the solution's frames.", "Give the answer of the same shot.")
    if solution.names and not set(truth.names) & set(solution.names):
        raise FaceSolveError(f"{path} knows none of the solution's shape keys.", "Give the answer of the same rig.")
    frames = solution.frames[rows]
    return _Known(rows, frames, truth.at(frames, solution.names), truth.hidden)


def _context(shot: Shot, solution: Solution, index: Ints) -> Context:
    """The shot as the solver sees it, at the solution's poses.

    It is of these frames alone, because finding faces takes its time.
    """
    context = prepare_context(shot.at(index), lambda _done, _total: True)
    context.pose = solution.pose[index]
    return context


def _overview(page: Page, solution: Solution) -> None:
    counts = [(status, solution.status.count(status)) for status in FRAME_STATUSES]
    frames = solution.frames
    page.text(
        f"{len(frames)} frames"
        + (f", {frames[0]} to {frames[-1]}" if len(frames) else "")
        + ": "
        + ", ".join(f"{n} {status}" for status, n in counts if n)
        + "."
    )
    failed = [
        [str(frame), reason]
        for frame, status, reason in zip(frames, solution.status, solution.reason, strict=True)
        if status == FRAME_FAILED
    ]
    if failed:
        page.table([["failed frame", "why"], *failed])


def _error(page: Page, out: Path, solution: Solution) -> None:
    page.heading("Error")
    curves.save(curves.error_curve(solution), out / "error.png")
    page.image(
        "error.png",
        "Above, the error of every frame in thousandths of the face's size in the plate; coloured: frames that failed "
        "or were not simply solved; crosses: faces that cannot be so. Below, the same of each region.",
    )
    worst = pictures.worst_frames(solution)
    if len(worst):
        page.table(
            [
                ["worst frame", "error", *REGIONS, "pixels", "what cannot be"],
                *(
                    [
                        str(solution.frames[i]),
                        *(_one(values[i]) for values in (solution.error, *solution.regions.values())),
                        f"{solution.error_px[i]:.2f}",
                        solution.doubt[i],
                    ]
                    for i in worst
                ),
            ]
        )
    doubted = [[str(frame), doubt] for frame, doubt in zip(solution.frames, solution.doubt, strict=True) if doubt]
    if doubted:
        page.table([["doubtful frame", "what cannot be"], *doubted])


def _one(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "-"


def _pictures(page: Page, out: Path, context: Context, solution: Solution) -> None:
    page.heading("Pictures")
    page.text(
        "Plate, render, their difference four times enlarged, and landmarks: the plate's yellow, the render's cyan, "
        "red lines between them. The light is estimated from these frames. Of the worst frames also the optical flow: "
        "white is no motion, hue its direction as the key shows, and the key's border the longest."
    )
    worst = set(solution.frames[pictures.worst_frames(solution)].tolist())
    (out / "frames").mkdir(exist_ok=True)
    for shown in pictures.show(context):
        number = [camera.name for camera in context.shot.cameras].index(shown.camera)
        name = f"frames/{shown.frame:04d}_{number}.jpg"
        _write_picture(out / name, shown.image)
        page.image(
            name,
            f"frame {shown.frame}{', one of the worst' if shown.frame in worst else ''}, camera {shown.camera}: "
            f"landmarks {shown.error_px:.2f} pixels apart, mean difference {shown.difference:.3f}",
        )

        if shown.frame in worst:
            name = f"frames/{shown.frame:04d}_{number}_flow.jpg"
            _write_picture(out / name, shown.flow)
            page.image(
                name,
                f"frame {shown.frame}, camera {shown.camera}: optical flow ({context.shot.settings.flow}) "
                f"from the render to the plate; the purest colours are {shown.longest:.1f} pixels",
            )


def _write_picture(file: Path, image: pictures.Image) -> None:
    if not cv2.imwrite(str(file), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise FaceSolveError(f"The picture {file} cannot be written.", "Free some space on the disk.")


def _parameters(page: Page, out: Path, solution: Solution, keyed: Bools, truth: _Known | None) -> None:
    page.heading("Head")
    full = None if truth is None or len(truth.rows) != len(solution.frames) else truth.pose
    curves.save(curves.motion_curves(solution.frames, solution.pose, keyed, full), out / "motion.png")
    page.image("motion.png", "rotation (XYZ Euler angles) and translation in world axes")
    page.heading("Shape keys")
    weights = None if full is None else full.weights
    curves.save(
        curves.weight_curves(solution.frames, solution.pose.weights, solution.names, keyed, weights),
        out / "weights.png",
    )
    page.image("weights.png", f"the shape keys that leave zero by more than {curves.MOVES}")


def _comparison(
    page: Page,
    out: Path,
    solution: Solution,
    keyed: Bools,
    truth: _Known,
    shot: Shot | None,
    context: Context | None,
    prefix: str = "",
) -> None:
    wanted = keyed[truth.rows]  # nothing is keyed for a frame that failed
    if not wanted.any():
        page.text("No frame that can be compared was solved.")
        return
    rows, frames, true = truth.rows[wanted], truth.frames[wanted], truth.pose[wanted]
    take = solution.pose[rows]
    face = None if context is None else compare.Face(context.rig, context.embedding.face)
    eye = None if shot is None else shot.cameras[0].position[rows]
    measured = compare.measure(take, true, face, eye)
    curves.save(curves.comparison_curves(frames, measured, truth.hidden), out / f"{prefix}comparison.png")
    shaded = "; shaded: frames where the face was covered" if len(truth.hidden) else ""
    page.image(f"{prefix}comparison.png", f"every measure; dashed: the median{shaded}")
    curves.save(curves.axis_curves(frames, {"solved": compare.by_axis(take, true)}), out / f"{prefix}axes.png")
    page.image(f"{prefix}axes.png", "rotation (as a rotation vector) and translation, axis by axis of the world")
    seen = ~np.isin(frames, truth.hidden)
    summary = compare.summary({k: v[seen] for k, v in measured.items()}) if seen.any() else {}
    extra: dict[str, float] = {}
    if face is not None:
        if (np.diff(frames) == 1).all():
            extra["jitter"] = compare.jitter(take, true, face)
        covered = compare.hidden_errors(frames, take, true, truth.hidden, face)
        if covered is not None:
            extra["hidden_vertex_mm"], extra["hidden_interpolated_mm"] = covered
    page.table(
        [
            ["measure", "median", "95 %", "what"],
            *([k, f"{m:.3f}", f"{p:.3f}", compare.MEASURES[k]] for k, (m, p) in summary.items()),
        ]
    )
    page.text(_what_was_measured(int(seen.sum()), int((~wanted).sum()), shot))
    for name, value in extra.items():
        page.text(f"{EXTRA[name]}: {value:.3f}.")
    if summary:
        (out / f"{prefix}table.md").write_text(
            compare.markdown({"solved": {k: v[seen] for k, v in measured.items()}}), encoding="utf-8"
        )
    document = {
        "summary": {**summary, **{name: _number(value) for name, value in extra.items()}},
        "frames": [{"frame": int(f), **{k: float(v[i]) for k, v in measured.items()}} for i, f in enumerate(frames)],
        "failed": [int(f) for f in truth.frames[~wanted]],
    }
    (out / f"{prefix}table.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


EXTRA = {
    "jitter": "Jitter, the second difference of the solved vertices over the true one's (1 is as smooth as the truth)",
    "hidden_vertex_mm": "Mean vertex distance in the frames where the face was covered, millimetres",
    "hidden_interpolated_mm": "The same of a straight line between the frames beside them",
}


def _what_was_measured(seen: int, failed: int, shot: Shot | None) -> str:
    text = f"Over {seen} frames where the face was not covered"
    text += f"; {failed} failed ones are left out." if failed else "."
    if shot is None:
        return text + " Without the shot there is no camera and no rig, so distances are not told."
    return text + f" Seen from camera {shot.cameras[0].name}; vertices inside the outline of the landmarks."


def _number(value: Floats | float) -> float | None:
    """JSON has no NaN."""
    return float(value) if np.isfinite(value) else None
