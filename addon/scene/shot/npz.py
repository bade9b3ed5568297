"""NumPy's .npz files without NumPy: what the add-on writes for the solver, and reads of its solution."""

from __future__ import annotations

import ast
import struct
import sys
import zipfile
import zlib
from array import array
from pathlib import Path
from typing import Dict, List, Sequence, Tuple, Union

from ...problem import FaceSolveProblem

_MAGIC = b"\x93NUMPY"
_CODES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "|b1": "b", "|i1": "b", "|u1": "B"}
Values = Union["array[float]", "array[int]", List[str]]
# What reading a damaged file raises.
BROKEN = (OSError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, SyntaxError, struct.error, EOFError)


class Array:
    """A flat block of values with a shape, row-major.

    Args:
        values: an `array` of type f, d, i, q, b or B, or a list of str.
        shape: its dimensions.
        boolean: a `b` array that holds truth values.
    """

    def __init__(self, values: Values, shape: Sequence[int], *, boolean: bool = False) -> None:
        self.values = values
        self.shape = tuple(shape)
        count = 1
        for size in self.shape:
            count *= size
        if count != len(values):
            raise ValueError(f"{len(values)} values do not fill the shape {self.shape}")
        self.boolean = boolean

    def encode(self) -> Tuple[str, bytes]:
        """NumPy's type description and the bytes."""
        if isinstance(self.values, list):
            width = max([1, *map(len, self.values)])
            data = b"".join(text.ljust(width, "\0").encode("utf-32-le") for text in self.values)
            return f"<U{width}", data
        values = self.values
        if sys.byteorder == "big":
            values = array(values.typecode, values)
            values.byteswap()
        signed = "|b1" if self.boolean else "|i1"
        code = {"f": "<f4", "d": "<f8", "i": "<i4", "q": "<i8", "b": signed, "B": "|u1"}[values.typecode]
        return code, values.tobytes()


def write_npz(path: Path, arrays: Dict[str, Array]) -> None:
    """Write the arrays, stored without compression (speed matters here, the file is short-lived).

    Raises:
        OSError: where the file cannot be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, block in arrays.items():
            code, data = block.encode()
            header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {block.shape!r}, }}"
            header = header.ljust((-(len(_MAGIC) + 5 + len(header))) % 64 + len(header)) + "\n"
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy"),
                _MAGIC + b"\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1") + data,
            )


def read_npz(path: Path) -> Dict[str, Array]:
    """Read every array of a .npz file.

    Raises:
        FaceSolveProblem: where the file is missing, cut short, or holds types that a solution does not have.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # names may have slashes: joints/jaw/rotation
            return {name[:-4]: decode(archive.read(name)) for name in archive.namelist() if name.endswith(".npy")}
    except FileNotFoundError as error:
        raise FaceSolveProblem(f"There is no file {path}.", "Choose a SOLUTION.npz that the solver wrote.") from error
    except BROKEN as error:
        raise FaceSolveProblem(
            f"{path} cannot be read as a solution: {error}.", "Solve again, or choose another file."
        ) from error


def decode(data: bytes) -> Array:
    """One member of a .npz file."""
    if data[:6] != _MAGIC:
        raise ValueError("not a NumPy array")
    size, start = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (struct.unpack("<I", data[8:12])[0], 12)
    header = ast.literal_eval(data[start : start + size].decode("latin1").strip())
    code, shape, body = header["descr"], header["shape"], data[start + size :]
    if header["fortran_order"] and len(shape) > 1:
        raise ValueError("column-major arrays are not supported")
    count = 1
    for length in shape:
        count *= length
    if code.startswith("<U"):
        width = 4 * int(code[2:])
        texts = [body[i * width : (i + 1) * width].decode("utf-32-le").rstrip("\0") for i in range(count)]
        return Array(texts, shape)
    values: Values = array(_CODES[code])
    values.frombytes(body)
    if sys.byteorder == "big":
        values.byteswap()
    return Array(values, shape, boolean=code == "|b1")
