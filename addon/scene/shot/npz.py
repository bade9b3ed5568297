"""NumPy's .npz files without NumPy: what the add-on writes for the solver, and reads of its solution."""

from __future__ import annotations

import math
import re
import struct
import sys
import zipfile
import zlib
from array import array
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ...pieces import Pieces, whole
from ...problem import FaceSolveProblem

_MAGIC = b"\x93NUMPY"
_CODES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "|b1": "b", "|i1": "b", "|u1": "B"}
Values = Union["array[float]", "array[int]", List[str]]
# What reading a damaged file raises; RuntimeError holds zip files' passwords and unknown compressions.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
LARGEST = 1 << 28  # bytes of all arrays of a file; ten thousand frames of a thousand shape keys have 80 million
_MANY_TEXTS = 100_000
_PIECE = 1 << 20  # values that are written at once
# A header as every version of NumPy writes it; nothing of it is evaluated.
_HEADER = re.compile(
    r"\{'descr': '(?P<code>[^'\\]{1,20})', 'fortran_order': (?P<columns>True|False), "
    r"'shape': \((?P<shape>[0-9, ]{0,200})\),? *\} *"
)


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

    def encode(self) -> Tuple[str, Iterator[bytes]]:
        """NumPy's type description and the bytes, in pieces."""
        if isinstance(self.values, list):
            width = max([1, *map(len, self.values)])
            data = b"".join(text.ljust(width, "\0").encode("utf-32-le") for text in self.values)
            return f"<U{width}", iter([data])
        signed = "|b1" if self.boolean else "|i1"
        code = {"f": "<f4", "d": "<f8", "i": "<i4", "q": "<i8", "b": signed, "B": "|u1"}[self.values.typecode]
        return code, _bytes_of(self.values)


class Rows:
    """A block of floats that is held row by row: the whole of it never lies in one piece.

    Args:
        rows: of equal length.
        shape: of the block; its first number is how many rows there are.
    """

    def __init__(self, rows: Sequence[array[float]], shape: Sequence[int]) -> None:
        self.rows, self.shape = rows, tuple(shape)
        if self.shape[0] != len(rows) or any(len(row) != math.prod(self.shape[1:]) for row in rows):
            raise ValueError(f"{len(rows)} rows do not fill the shape {self.shape}")

    def encode(self) -> Tuple[str, Iterator[bytes]]:
        """NumPy's type description and the bytes, in pieces."""
        return "<f4", (piece for row in self.rows for piece in _bytes_of(row))


Block = Union[Array, Rows]


def _bytes_of(values: Union[array[float], array[int]]) -> Iterator[bytes]:
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        if sys.byteorder == "big":
            piece.byteswap()
        yield piece.tobytes()


def write_npz(path: Path, arrays: Mapping[str, Block]) -> None:
    """Write the arrays at once; see `npz_pieces`."""
    whole(npz_pieces(path, arrays))


def npz_pieces(path: Path, arrays: Mapping[str, Block]) -> Pieces[None]:
    """Write the arrays, stored without compression (speed matters here, the file is short-lived).

    Raises:
        OSError: where the file cannot be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, block in arrays.items():
            code, pieces = block.encode()
            header = f"{{'descr': '{code}', 'fortran_order': False, 'shape': {block.shape!r}, }}"
            header = header.ljust((-(len(_MAGIC) + 5 + len(header))) % 64 + len(header)) + "\n"
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                member.write(_MAGIC + b"\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin1"))
                for piece in pieces:
                    member.write(piece)
                    yield


def read_npz(path: Path) -> Dict[str, Array]:
    """Read every array of a .npz file.

    Raises:
        FaceSolveProblem: where the file is missing, cut short, or holds types that a solution does not have.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # names may have slashes: joints/jaw/rotation
            members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
            check_sizes(members)
            return {one.filename[:-4]: decode(archive.read(one)) for one in members}
    except FileNotFoundError as error:
        raise FaceSolveProblem(f"There is no file {path}.", "Choose a SOLUTION.npz that the solver wrote.") from error
    except BROKEN as error:
        raise FaceSolveProblem(
            f"{path} cannot be read as a solution: {why(error)}.", "Solve again, or choose another file."
        ) from error


def read_array(path: Path, name: str) -> Optional[Array]:
    """One array of a .npz file; None where there is no such file or array, or it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            check_sizes([member])
            return decode(archive.read(member))
    except BROKEN:
        return None


def why(error: BaseException) -> str:
    """The cause in a few words."""
    said = getattr(error, "strerror", None) or " ".join(str(error).split())
    return str(said)[:200].rstrip(".") or type(error).__name__


def check_sizes(members: Sequence[zipfile.ZipInfo], most: int = LARGEST) -> None:
    """Refuse a file before it is unpacked.

    Raises:
        ValueError: where its members say that they are larger than `most` bytes together.
    """
    size = sum(one.file_size for one in members)
    if size > most:
        raise ValueError(f"it unpacks to {size} bytes, more than the {most} that are read")


def decode(data: bytes) -> Array:
    """One member of a .npz file.

    What its header says is compared with the bytes that are there before anything is made of it.

    Raises:
        ValueError: no array, one of another kind than numbers and texts, one that declares more or less than there is.
    """
    if data[:6] != _MAGIC or len(data) < 12:
        raise ValueError("it holds something that is not a NumPy array")
    size, start = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (struct.unpack("<I", data[8:12])[0], 12)
    header = _HEADER.fullmatch(data[start : start + min(size, 1000)].decode("latin1").strip())
    if header is None:
        raise ValueError("an array has a header that NumPy does not write")
    code, body = header["code"], data[start + size :]
    shape = tuple(int(length) for length in header["shape"].split(",") if length.strip())
    if header["columns"] == "True" and len(shape) > 1:
        raise ValueError("column-major arrays are not supported")
    count = 1
    for length in shape:
        count *= length
    texts = re.fullmatch(r"<U([1-9][0-9]{0,5})", code)
    if texts is None and code not in _CODES:
        raise ValueError(f"arrays of the type {code} are not supported, only numbers and texts")
    width = 4 * int(texts[1]) if texts else array(_CODES[code]).itemsize
    if count * width != len(body):
        raise ValueError(f"an array says that it has {count} values of {width} bytes, and has {len(body)} bytes")
    if texts:
        if count > _MANY_TEXTS:
            raise ValueError(f"an array has {count} texts")
        return Array([body[i * width : (i + 1) * width].decode("utf-32-le").rstrip("\0") for i in range(count)], shape)
    values: Values = array(_CODES[code])
    values.frombytes(body)
    if sys.byteorder == "big":
        values.byteswap()
    return Array(values, shape, boolean=code == "|b1")
