"""What a few pins do: a face that is covered, a head without colours, and how long a drag takes.

usage: python -m benchmarks.pins [--shared ../shared] [--scratch DIR] [--only covered,grey,drag] [--noise PIXELS]

`covered`: `occluded`, every frame outside the card at the truth, two of the five inside pinned. `grey`: `dressed`
without colours, solved from the scene as an artist would start it, three frames pinned, and none. Pins are put at the
true places of twelve points of the face, with a hand's error of `--noise` plate pixels. `drag`: one answer of a warm
solver at 24,591 vertices and 60 keys, in processor time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.exported import ROOT, exported
from solver_core import protocol
from solver_core.common.arrays import Ints
from solver_core.documents.shot import LockedFrame, Shot
from solver_core.drag import Dragging
from solver_core.face.landmark_embedding import LandmarkEmbedding, embed_landmarks
from solver_core.face.pins import Pin
from solver_core.face.pose import Pose
from solver_core.networks.registry import face_detector, landmark_network
from solver_core.report.compare import Face, hidden_errors, measure, summary
from solver_core.service.listener import Silent
from solver_core.solve import solve

# FaceMesh's points that anybody finds: eye corners, nose tip and wings, mouth corners, lips, chin, brows
CLICKED = (33, 133, 362, 263, 1, 61, 291, 13, 14, 152, 105, 334)
COVERED, COVERED_PINNED = (1025, 1029), (1026, 1028)
GREY_PINNED = (1008, 1024, 1040)
DRAGGED, KEYS, REPEATS = 1012, 60, 12


def pinned(shot: Shot, truth: Pose, embedding: LandmarkEmbedding, frames: Ints, noise: float) -> Shot:
    """The shot with pins at true places of these frames."""
    hand = np.random.default_rng(0)
    camera, pins = shot.cameras[0], []
    points = shot.rig.sample(embedding.triangle[None, CLICKED], embedding.barycentric[None, CLICKED])
    for i in np.flatnonzero(np.isin(shot.frames, frames)):
        here = np.array([i])
        places, _ = camera[here].project(points.world(truth[here]))
        for landmark, place in zip(CLICKED, places[0] + noise * hand.normal(size=places[0].shape), strict=True):
            corners = shot.rig.triangles[embedding.triangle[landmark]].tolist()
            shares = embedding.barycentric[landmark].tolist()
            pins.append(Pin(int(shot.frames[i]), camera.name, tuple(corners), tuple(shares), tuple(place)))
    return replace(shot, pins=tuple(pins))


def embedded(shot: Shot) -> LandmarkEmbedding:
    """The landmarks on the shot's head at rest."""
    network = landmark_network(shot.settings.landmarks, "cpu")
    return embed_landmarks(shot.rig.as_actor(shot.initial.weights[0]), network, face_detector(shot.settings.detector))


def locked(shot: Shot, truth: Pose, frames: Ints) -> Shot:
    """The shot with these frames at the truth, and locked."""
    places = {int(frame): i for i, frame in enumerate(shot.frames)}
    given = [
        LockedFrame(int(f), truth.rotation[places[f]], truth.translation[places[f]], truth.weights[places[f]])
        for f in frames
    ]
    return replace(shot, locked=tuple(given))


def covered(shared: Path, scratch: Path, noise: float) -> None:
    """Print the row of `occluded`."""
    shot, known = exported(shared, "occluded", scratch)
    truth = known.at(shot.frames, shot.rig.names)
    embedding = embedded(shot)
    face = Face(shot.rig, embedding.face)
    first, last = COVERED
    inside = (shot.frames >= first) & (shot.frames <= last)
    shot = replace(locked(shot, truth, shot.frames[~inside]), infill_ranges=(COVERED,), stages=("infill",))
    near = np.flatnonzero((shot.frames >= first - 8) & (shot.frames <= last + 8))
    shot, truth = shot.at(near), truth[near]
    for name, given in (("none", shot), ("two frames", pinned(shot, truth, embedding, COVERED_PINNED, noise))):
        found = solve(given, Silent())
        solved, line = hidden_errors(shot.frames, found.pose, truth, shot.frames[inside[near]], face) or (0.0, 0.0)
        print(
            f"| occluded {first}-{last}, pinned: {name} | {solved:.2f} | {line:.2f} | {solved / line:.2f} |", flush=True
        )


def grey(shared: Path, scratch: Path, noise: float) -> None:
    """Print the rows of `dressed` without colours."""
    shot, known = exported(shared, "dressed", scratch)
    shot = replace(shot, rig=replace(shot.rig, colors=None))
    truth = known.at(shot.frames, shot.rig.names)
    embedding = embedded(shot)
    face = Face(shot.rig, embedding.face)
    for name, given in (
        ("three frames", pinned(shot, truth, embedding, GREY_PINNED, noise)),
        ("none", shot),
    ):
        found = solve(given, Silent())
        apart = measure(found.pose, truth, face, shot.cameras[0].position)
        others = ~np.isin(shot.frames, GREY_PINNED)
        cells = [f"{median:.3f}, {most:.3f}" for median, most in summary(apart).values()]
        print(f"| dressed, grey, pinned: {name} | {' | '.join(cells)} |", flush=True)
        print("  depth of the frames without pins", summary({"depth": apart["depth_mm"][others]})["depth"], flush=True)


def drag(shared: Path, scratch: Path) -> None:
    """Print the rows of one answer, by how many pins there are: from the line of the message to that of the answer."""
    shot, known = exported(shared, "occluded", scratch)
    truth = known.at(shot.frames, shot.rig.names)
    more = KEYS - len(shot.rig.names)
    rig = replace(
        shot.rig,
        names=(*shot.rig.names, *(f"more{i}" for i in range(more))),
        groups=(*shot.rig.groups, *["head"] * more),
        deltas=np.concatenate([shot.rig.deltas, 0.5 * shot.rig.deltas[:more]]),
        **{
            name: np.append(getattr(shot.rig, name), getattr(shot.rig, name)[:more])
            for name in ("minimum", "maximum", "solved", "strength")
        },
    )
    points = pinned(shot, truth, embedded(shot), np.array([DRAGGED]), 0.0).pins
    index, camera, dragging = int(np.searchsorted(shot.frames, DRAGGED)), shot.cameras[0], Dragging(rig)
    for count in (1, 2, 3, 6, len(points)):
        pins = [replace(points[0], place=(points[0].place[0] + 10, points[0].place[1] - 6)), *points[1:count]]
        line = protocol.encode(
            {
                "type": protocol.DRAG,
                "number": 1,
                "frame": DRAGGED,
                "free": protocol.HEAD,
                "cameras": [
                    {
                        "name": camera.name,
                        "width": camera.width,
                        "height": camera.height,
                        "intrinsics": camera.intrinsics[index].tolist(),
                        "world_to_camera": camera.world_to_camera[index].tolist(),
                    }
                ],
                "pins": [
                    {name: getattr(pin, name) for name in ("camera", "vertices", "barycentric", "place")}
                    for pin in pins
                ],
                "pose": {
                    "rotation": truth.rotation[index].ravel().tolist(),
                    "translation": truth.translation[index].tolist(),
                    "weights": np.append(truth.weights[index], np.zeros(more)).tolist(),
                },
            }
        )
        times = []
        for _ in range(REPEATS):
            began = time.process_time()
            protocol.encode({"type": protocol.DRAGGED, **dragging.answer(protocol.decode(line))})
            times.append(1e3 * (time.process_time() - began))
        print(f"| {count} | {np.median(times):.1f} | {max(times[1:]):.1f} |", flush=True)


def main() -> None:
    """Print what is asked for, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--scratch", type=Path, help="keep the exported shots here, and use them where they are there")
    parser.add_argument("--only", default="covered,grey,drag")
    parser.add_argument("--noise", type=float, default=0.5)
    arguments = parser.parse_args()
    wanted = arguments.only.split(",")
    with tempfile.TemporaryDirectory() as own:
        scratch = arguments.scratch or Path(own)
        if "covered" in wanted:
            covered(arguments.shared, scratch, arguments.noise)
        if "grey" in wanted:
            grey(arguments.shared, scratch, arguments.noise)
        if "drag" in wanted:
            drag(arguments.shared, scratch)


if __name__ == "__main__":
    main()
