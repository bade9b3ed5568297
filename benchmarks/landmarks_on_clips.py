"""Runs face detection and FaceMesh over footage and draws every frame's result on contact sheets.

    python benchmarks/landmarks_on_clips.py [MOVIE ...] [--out benchmarks/out]

Without movies it takes those of ../shared/clips. Each frame is detected afresh, so a failure is the detector's own and
not hidden by following. Printed for each clip: frames, found, and each reason for failure with its frames; how far
landmarks move when a frame is searched again from its own window (0 for a stable crop); seconds a frame.
"""

from __future__ import annotations

import argparse
import collections
import time
from pathlib import Path

import av
import cv2
import numpy as np

from solver_core.networks.facemesh import FaceMesh
from solver_core.networks.landmarks import Found, NotFound, faces_in, locate
from solver_core.networks.short_range import ShortRangeDetector

COLUMNS, ROWS, TILE = 12, 8, 200  # tiles on a sheet, pixels a tile


def draw(picture: np.ndarray, result: Found | NotFound, label: str, edges) -> np.ndarray:
    """One tile: the face's window with the landmarks' contours, or the whole frame marked where there is none."""
    if isinstance(result, Found):
        scale = TILE / result.crop.side
        centre = np.asarray(result.crop.centre)
        to_tile = np.array([[scale, 0, TILE / 2 - scale * centre[0]], [0, scale, TILE / 2 - scale * centre[1]]])
        tile = cv2.warpAffine(picture, to_tile, (TILE, TILE), flags=cv2.INTER_AREA)
        points = np.round((result.points @ to_tile[:, :2].T + to_tile[:, 2] - 0.5) * 16).astype(int)
        for a, b in edges:
            cv2.line(tile, points[a].tolist(), points[b].tolist(), (90, 255, 90), 1, cv2.LINE_AA, 4)
        colour = (255, 255, 255)
    else:
        tile = cv2.resize(picture, (TILE, TILE), interpolation=cv2.INTER_AREA)
        colour = (255, 60, 60)
        cv2.rectangle(tile, (0, 0), (TILE - 1, TILE - 1), colour, 3)
    cv2.putText(tile, label, (4, TILE - 6), 0, 0.42, colour, 1, cv2.LINE_AA)
    return tile


class Nobody:
    """A detector that sees nobody: what is found then was followed from the frame before."""

    name = "nobody"

    def detect(self, image, *, everywhere=False):
        return []


def run(movie: Path, out: Path, network: FaceMesh, detector: ShortRangeDetector) -> None:
    tiles, reasons, again = [], collections.defaultdict(list), []
    seconds = 0.0
    with av.open(str(movie)) as container:
        for number, frame in enumerate(container.decode(video=0), start=1):
            picture = frame.to_ndarray(format="rgb24")
            started = time.perf_counter()
            result = locate(picture, network, detector)
            seconds += time.perf_counter() - started
            label = str(number)
            if isinstance(result, Found):
                label += f" {result.score:.2f}"
                if number % 10 == 1:
                    followed = faces_in(picture, network, Nobody(), [result])
                    if not isinstance(followed, NotFound):
                        again.append(np.abs(followed[0].points - result.points).mean())
            else:
                reasons[result.reason].append(number)
            tiles.append(draw(picture, result, label, network.layout.edges))
    per_sheet = COLUMNS * ROWS
    for sheet, start in enumerate(range(0, len(tiles), per_sheet), start=1):
        part = tiles[start : start + per_sheet]
        part += [np.zeros((TILE, TILE, 3), np.uint8)] * (-len(part) % COLUMNS)
        rows = [np.hstack(part[i : i + COLUMNS]) for i in range(0, len(part), COLUMNS)]
        cv2.imwrite(str(out / f"landmarks_{movie.stem}_{sheet}.png"), np.vstack(rows)[..., ::-1])
    failed = sum(map(len, reasons.values()))
    print(f"{movie.name}: {len(tiles)} frames, {len(tiles) - failed} found, {failed} failed")
    for reason, numbers in reasons.items():
        print(f"    {len(numbers)} x {reason} Frames {numbers}")
    print(
        f"    searched again from its own window: moved {np.mean(again):.2f} px on average, {np.max(again):.2f} at most"
    )
    print(f"    {seconds / len(tiles):.3f} s a frame")


def main() -> None:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("movies", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=here / "out")
    arguments = parser.parse_args()
    movies = arguments.movies or sorted((here.parents[1] / "shared" / "clips").glob("*.mp4"))
    if not movies:
        parser.error("no movies given, and ../shared/clips is absent")
    arguments.out.mkdir(parents=True, exist_ok=True)
    network, detector = FaceMesh(), ShortRangeDetector()
    for movie in movies:
        run(movie, arguments.out, network, detector)


if __name__ == "__main__":
    main()
