"""Damage, seeded: to bytes, to JSON documents, to arrays with headers that lie, to texts."""

from __future__ import annotations

import copy
import io
import json
import zipfile

import numpy as np

NASTY = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e-320, 1e308, -1e308, float("nan"), float("inf"),
    2**31, -(2**63), 2**64, 10**400,
    "", "x", "\0", "é" * 3, "x" * 5000, "../../etc", "{frame:>2000000000}", "1e5", [], {}, [[]], [[[[1]]]], {"a": {}},
)  # fmt: skip


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four cuts, flips, doublings and fillings."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at, size = int(rng.integers(0, len(out) + 1)), int(rng.integers(1, 40))
        kind = rng.integers(0, 7)
        if kind == 0:
            del out[at:]
        elif kind == 1:
            del out[at : at + size]
        elif kind == 2:
            out[at:at] = out[at : at + size]
        elif kind == 3:
            out[at : at + size] = bytes(rng.integers(0, 256, size, np.uint8))
        elif kind == 4:
            out[at : at + min(size, 4)] = b"\xff" * min(size, 4)
        elif kind == 5:
            out[at : at + min(size, 4)] = b"\0" * min(size, 4)
        elif out:
            out[at % len(out)] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def damaged_json(document: object, rng: np.random.Generator) -> bytes:
    """One to three places with another value, taken out, or doubled; rarely the text itself, or its depth."""
    document = copy.deepcopy(document)
    for _ in range(rng.integers(1, 4)):
        owner, key = _place(document, rng)
        if owner is None:
            continue
        kind = rng.integers(0, 5)
        if kind == 0:
            del owner[key]
        elif kind == 1 and isinstance(owner, list):
            owner.insert(key, copy.deepcopy(owner[key]))
        elif kind == 2 and isinstance(owner[key], int | float) and not isinstance(owner[key], bool):
            factor = float(rng.choice([-1, 1.5, 1e3, 1e12, 1e300]))
            owner[key] = (
                owner[key] * factor if abs(owner[key]) < 1e300 else -owner[key]
            )  # whole numbers beyond any float
        else:
            owner[key] = copy.deepcopy(NASTY[rng.integers(0, len(NASTY))])
    text = json.dumps(document).encode()
    chance = rng.random()
    if chance < 0.1:
        return damaged(text, rng)
    if chance < 0.13:
        deep = int(rng.choice([500, 5000, 200_000]))
        return text.replace(b"1", b"[" * deep + b"]" * deep, 1)
    return text


def _place(document: object, rng: np.random.Generator) -> tuple:
    owner, key = None, None
    while isinstance(document, dict | list) and document:
        if owner is not None and rng.random() < 0.25:
            break
        keys = list(document) if isinstance(document, dict) else range(len(document))
        owner, key = document, keys[int(rng.integers(0, len(keys)))]
        document = owner[key]
    return owner, key


def damaged_arrays(arrays: dict[str, np.ndarray], rng: np.random.Generator) -> bytes:
    """An .npz whose arrays are of other types, shapes and values, whose headers lie, or whose bytes are damaged."""
    arrays = dict(arrays)
    headers: dict[str, bytes] = {}
    for _ in range(rng.integers(1, 3)):
        name = str(rng.choice(list(arrays)))
        value = arrays[name]
        kind = rng.integers(0, 9)
        if kind == 0:
            arrays.pop(name)
        elif kind == 1 and value.dtype.kind in "biuf":
            with np.errstate(all="ignore"):
                arrays[name] = value.astype(
                    str(rng.choice(["u4", "i1", "f2", "f8", "i8", "u8", "c8", "?", "S3", "U2"]))
                )
        elif kind == 2 and value.size:
            arrays[name] = value.ravel()[: int(rng.integers(0, value.size))] if rng.random() < 0.5 else value[None]
        elif kind in {3, 4, 5} and value.size and value.dtype.kind in "iuf":
            value = value.astype(np.float64) if rng.random() < 0.5 else value.copy()
            with np.errstate(all="ignore"):
                nasty = np.array(float(rng.choice([np.nan, np.inf, -1, 0.5, 1e30, -1e300, 4e9, 2**31, 1e9]))).astype(
                    value.dtype
                )
            value.flat[int(rng.integers(0, value.size))] = nasty
            arrays[name] = value
        elif kind == 6:
            shape = str(
                rng.choice(["(999999999,)", "(30000000000,)", "(-1,)", "(1,)*9", "(" * 200, "(9" * 3, "()", "(2,2,"])
            )
            code = str(rng.choice(["<f4", "<U1", "<U0", "|O", "<f8", ">i4", "|V8", "<M8[s]", "x", "<U9999999"]))
            headers[name] = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        elif kind == 7:
            arrays[name] = np.array(
                [str(rng.choice(["", "x", "NaN", "solved"]))] * max(1, value.shape[0] if value.ndim else 1)
            )
        elif len(arrays) > 1:
            arrays[name] = arrays[str(rng.choice(list(arrays)))]
        if not arrays:
            break
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED if rng.random() < 0.5 else zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            one = io.BytesIO()
            np.lib.format.write_array(one, np.asarray(value), allow_pickle=False)
            data = one.getvalue()
            if name in headers:
                data = b"\x93NUMPY\x01\x00" + len(headers[name]).to_bytes(2, "little") + headers[name] + data[128:]
            archive.writestr(f"{name}.npy", damaged(data, rng) if rng.random() < 0.05 else data)
        if rng.random() < 0.002:  # a bomb: four gigabytes of nothing in four megabytes
            with archive.open("bomb.npy" if rng.random() < 0.5 else "names.npy", "w", force_zip64=True) as member:
                for _ in range(1100):
                    member.write(bytes(2**20))
    data = packed.getvalue()
    return damaged(data, rng) if rng.random() < 0.15 else data


def damaged_text(text: str, rng: np.random.Generator) -> bytes:
    """Words replaced, lines doubled and taken out, depths, and damaged bytes."""
    lines = text.split("\n")
    for _ in range(rng.integers(1, 4)):
        i = int(rng.integers(0, len(lines)))
        kind = rng.integers(0, 6)
        if kind == 0:
            lines.insert(i, lines[i])
        elif kind == 1 and len(lines) > 1:
            lines.pop(i)
        elif kind == 2 and "=" in lines[i]:
            values = [
                "1e400",
                "nan",
                "-1",
                "9" * 400,
                "[" * 3000,
                '"""',
                "true",
                "[[]]",
                "1979-05-27",
                "{a=1}",
                "0x",
                '"\\ud800"',
                "1e300",
            ]
            lines[i] = lines[i].split("=")[0] + "= " + str(rng.choice(values))
        elif kind == 3:
            lines[i] = "a." * int(rng.choice([2, 3000])) + "b = 1"
        elif kind == 4:
            lines[i] = lines[i] * int(rng.choice([2, 50]))
        else:
            lines[i] = "\n" * int(rng.choice([3, 2000, 100_000])) + lines[i]
    data = "\n".join(lines).encode()
    return damaged(data, rng) if rng.random() < 0.3 else data


PIECES = (
    "{frame}", "{frame:04d}", "{frame:>2000000000}", "{", "}", "{{", "}}", "{frame.__class__}", "{frame!r}", "{0}",
    "a", "/", "%04d", "{frame:99999d}", "\0", "é", "{frame:04d", ":", "x" * 300, "{frame:{frame}}",
)  # fmt: skip


def pattern(rng: np.random.Generator) -> str:
    """A path of a sequence as nobody writes it."""
    return "".join(str(rng.choice(PIECES)) for _ in range(rng.integers(1, 8)))
