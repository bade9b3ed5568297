"""Eyeballs, teeth, tongue and ears of the demo head, in `sculpt`'s millimetres."""

from __future__ import annotations

import numpy as np

from .sculpt import EYE, EYE_RADIUS, Floats

# Degrees from the gaze: rings are dense at the pupil's and the iris's edges so that colours change sharply there.
EYE_RINGS = (6.0, 9.6, 10.4, 15.0, 20.0, 25.0, 26.6, 28.5, 34.0, 42.0, 52.0, 64.0, 80.0, 100.0, 125.0, 155.0)
EYE_SEGMENTS = 24
TEETH_COLUMNS, TEETH_PROFILE = 84, 8
TOOTH = TEETH_COLUMNS // 14


def add(draft) -> None:
    """Adds every organ to the draft (`skin.Draft`)."""
    draft.add_pair("eyeball", *eyeball())
    for name, top, edge, front in (("teeth_upper", -19.0, -35.0, 86.0), ("teeth_lower", -49.0, -35.2, 83.5)):
        points, faces = teeth(top, edge, front)
        mirror = np.arange(len(points)).reshape(-1, TEETH_PROFILE)[::-1].ravel()
        start = draft.add(name, points, mirror)[0]
        draft.faces += [tuple(int(start + i) for i in f) for f in faces]
    points, faces = sphere(16, 10)
    mirror = _sphere_mirror(16, 10)
    start = draft.add("tongue", points * (17.0, 27.0, 7.0) + (0, 50.0, -46.0), mirror)[0]
    draft.faces += [tuple(int(start + i) for i in f) for f in faces]
    draft.add_pair("ear", *ear())


def _globe(rings: list[Floats], first: Floats, last: Floats) -> tuple[Floats, list[tuple[int, ...]]]:
    """A closed surface of rings of equal length between two poles; rings run clockwise seen from the first pole."""
    n = len(rings[0])
    points = np.concatenate([[first], *rings, [last]])
    faces: list[tuple[int, ...]] = []
    for i in range(n):
        j = (i + 1) % n
        faces.append((0, 1 + j, 1 + i))
        for r in range(len(rings) - 1):
            a, b = 1 + r * n, 1 + (r + 1) * n
            faces.append((a + i, a + j, b + j, b + i))
        end = 1 + (len(rings) - 1) * n
        faces.append((len(points) - 1, end + i, end + j))
    return points, faces


def eyeball() -> tuple[Floats, list[tuple[int, ...]]]:
    """The left eyeball, with a slight cornea, gazing forward."""
    # clockwise in (x, z), which is counter-clockwise from the front
    turn = -np.arange(EYE_SEGMENTS) * 2 * np.pi / EYE_SEGMENTS
    rings = []
    for degrees in EYE_RINGS:
        a = np.radians(degrees)
        bulge = EYE_RADIUS + 0.5 * max(0.0, 1 - (degrees / 30.0) ** 2)
        rings.append(
            EYE
            + bulge
            * np.stack([np.sin(a) * np.cos(turn), np.full(EYE_SEGMENTS, np.cos(a)), np.sin(a) * np.sin(turn)], 1)
        )
    return _globe(rings, EYE + np.array([0, EYE_RADIUS + 0.5, 0]), EYE - np.array([0, EYE_RADIUS, 0]))


def sphere(segments: int, stacks: int) -> tuple[Floats, list[tuple[int, ...]]]:
    """A unit sphere with poles in f."""
    turn = -np.arange(segments) * 2 * np.pi / segments
    rings = [
        np.stack([np.sin(a) * np.cos(turn), np.full(segments, np.cos(a)), np.sin(a) * np.sin(turn)], 1)
        for a in np.pi * np.arange(1, stacks) / stacks
    ]
    return _globe(rings, np.array([0.0, 1, 0]), np.array([0.0, -1, 0]))


def _sphere_mirror(segments: int, stacks: int):
    flip = (segments // 2 - np.arange(segments)) % segments
    rings = 1 + np.arange(stacks - 1)[:, None] * segments + flip[None]
    return np.concatenate([[0], rings.ravel(), [1 + (stacks - 1) * segments]])


def teeth(root: float, edge: float, front: float) -> tuple[Floats, list[tuple[int, ...]]]:
    """A row of 14 teeth with its gum along the dental arch, as one closed bar; `root` and `edge` are heights."""
    u = np.linspace(-1, 1, TEETH_COLUMNS + 1)
    a = u * np.radians(84)
    arch = np.stack([24.0 * np.sin(a), front - 38.0 * (1 - np.cos(a))], 1)
    normal = np.stack([np.sin(a) / 24.0, np.cos(a) / 38.0], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    # 1 between teeth, 0 in a tooth's middle
    phase = np.abs(((np.arange(TEETH_COLUMNS + 1) / TOOTH + 0.0) % 1.0) - 0.5) * 2
    gap = phase**4
    up = np.sign(root - edge)
    height = abs(root - edge)
    #          out, share of the height from the edge to the root
    profile = ((0.6, 1.0), (1.2, 0.62), (0.6, 0.5), (0.9, 0.25), (0.2, 0.0), (-1.6, 0.0), (-4.0, 0.4), (-6.0, 1.0))
    columns = []
    for out, share in profile:
        crown = share < 0.55
        push = out - (1.1 * gap if crown else 0.0)
        lift = edge + up * (
            share * height + (0.9 * gap if share == 0.0 else 0.0) + (0.8 * np.abs(u) ** 2 if share == 0.0 else 0.0)
        )
        columns.append(
            np.concatenate([arch + normal * np.reshape(push, (-1, 1)), np.broadcast_to(lift, len(u))[:, None]], 1)
        )
    grid = np.stack(columns, 1)  # [columns, profile, 3]
    n = TEETH_PROFILE
    order = 1 if up > 0 else -1
    faces = [
        (c * n + p, c * n + (p + 1) % n, (c + 1) * n + (p + 1) % n, (c + 1) * n + p)[::order]
        for c in range(TEETH_COLUMNS)
        for p in range(n)
    ]
    ends = [tuple(range(n))[::-order], tuple(range(TEETH_COLUMNS * n, (TEETH_COLUMNS + 1) * n))[::order]]
    faces += [(e[0], e[k], e[k + 1], e[k + 2]) for e in ends for k in (1, 3, 5)]
    return grid.reshape(-1, 3), faces


def ear() -> tuple[Floats, list[tuple[int, ...]]]:
    """The left ear: a shell of rings from the bowl over the helix to the back, sunk into the head at its front."""
    turn = -np.arange(36) * 2 * np.pi / 36
    #        share of the outline, height above the ear's plane
    shape = (
        (0.12, -7.0),
        (0.26, -7.5),
        (0.38, -6.5),
        (0.47, -2.5),
        (0.56, 0.3),
        (0.66, 0.6),
        (0.75, -1.6),
        (0.84, -1.8),
        (0.92, 0.8),
        (0.98, 2.0),
        (1.03, 1.2),
        (1.04, -0.8),
        (0.98, -2.4),
        (0.86, -4.5),
        (0.7, -8.0),
        (0.5, -12.0),
    )
    height = np.sin(turn)
    outline_f = 17.0 * np.cos(turn) * (1 + 0.22 * height)
    outline_z = 32.0 * height
    lean = np.radians(-14)
    rings = []
    for share, out in shape:
        lobe = ease_lobe(height)
        f = outline_f * share
        z = outline_z * share
        away = out * (1 - 0.7 * lobe) * np.where(share > 0.9, 1 - 0.5 * (np.cos(turn) > 0.8), 1.0)
        x = 74.0 + away - 0.42 * f - 0.02 * z
        rings.append(
            np.stack([x, -5.0 + f * np.cos(lean) + z * np.sin(lean), 14.0 + z * np.cos(lean) - f * np.sin(lean)], 1)
        )
    first, last = rings[0].mean(0) - (1.0, 0, 0), rings[-1].mean(0) - (3.0, 0, 0)
    points, faces = _globe(rings, first, last)
    return points, [f[::-1] for f in faces]


def ease_lobe(height: Floats) -> Floats:
    """1 at the lobe, where the ear has no folds, 0 above."""
    return np.clip((-height - 0.45) / 0.4, 0, 1)
