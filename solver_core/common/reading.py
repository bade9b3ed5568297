"""Files that were made elsewhere.

Whatever is in them, reading ends with their content or in one sentence, within bounded time and memory.
"""

from __future__ import annotations

import contextlib
import json
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from solver_core.common.errors import FaceSolveError

# What reading a damaged file raises. RuntimeError holds RecursionError and, of zip files, passwords and unknown
# compressions; ValueError holds what is no UTF-8 and no JSON.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    AssertionError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
MOST_TEXT = 64 * 2**20  # bytes of a JSON file: ten thousand frames of three hundred shape keys
MOST_BYTES = (
    2**30
)  # of all arrays of a file: a rig of a hundred thousand vertices and nine hundred shape keys has as many
MOST_NAMES = 10**6  # entries of an array of texts
MOST_NAME_BYTES = 64 * 2**20
_LONGEST_HEADER = 10_000  # bytes of an array's header, as NumPy itself allows


@contextlib.contextmanager
def reading(path: Path | str, what: str, remedy: str) -> Iterator[None]:
    """Turn what a damaged file raises into the sentence "`what` `path` cannot be read".

    Args:
        path: of the file.
        what: what it is to the artist, with its article: "The rig file".
        remedy: what to do about it.

    Raises:
        FaceSolveError: instead of all that `DAMAGE` names; one that is raised inside passes as it is.
    """
    try:
        yield
    except DAMAGE as error:
        raise FaceSolveError(f"{what} {path} cannot be read: {why(error)}.", remedy) from error


def why(error: BaseException) -> str:
    """The cause in a few words, on one line and without a final period."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, KeyError):
        return f"it has no {error.args[0] if error.args else 'entry'}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return (text if len(text) <= 200 else f"{text[:200]}...").rstrip(".") or type(error).__name__


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The text of a UTF-8 file.

    Raises:
        OSError: where it cannot be read.
        ValueError: where it is larger than `most` bytes, or no UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data.decode("utf-8-sig")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: where it cannot be read.
        ValueError, RecursionError: where it is too large or no JSON.
    """
    return json.loads(read_text(path))


def read_arrays(path: Path, names: tuple[str, ...] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name.

    Sizes are compared with the bytes that are there before anything is allocated.

    Args:
        path: of the file.
        names: those wanted; None for all.

    Raises:
        OSError: where it cannot be read.
        ValueError, zipfile.BadZipFile and others of `DAMAGE`: where it is none, is cut short, holds Python objects, or
            declares more than there is.
    """
    with zipfile.ZipFile(path) as archive:
        members = {
            one.filename.removesuffix(".npy"): one for one in archive.infolist() if one.filename.endswith(".npy")
        }
        wanted = {name: one for name, one in members.items() if names is None or name in names}
        size = sum(one.file_size for one in wanted.values())
        if size > MOST_BYTES:
            raise ValueError(f"its arrays have {size:,} bytes, more than the {MOST_BYTES:,} that are read")
        return {name: _array(archive, one, name) for name, one in wanted.items()}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> np.ndarray:
    with archive.open(member) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        version = np.lib.format.read_magic(file)
        if version not in {(1, 0), (2, 0)}:
            raise ValueError(f"{name} is of version {version} of NumPy's format")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read_header(file, max_header_size=_LONGEST_HEADER)
        body = member.file_size - file.tell()
    if kind.hasobject or kind.kind not in "biufUS" or kind.shape:
        raise ValueError(f"{name} holds {kind}, neither numbers nor texts")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * kind.itemsize != body or count > member.file_size:
        raise ValueError(f"{name} declares {count:,} values of {kind.itemsize} bytes and has {max(body, 0):,} bytes")
    if kind.kind in "US" and (count > MOST_NAMES or body > MOST_NAME_BYTES):
        raise ValueError(f"{name} has {count:,} texts")
    with archive.open(member) as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False, max_header_size=_LONGEST_HEADER)
        return array
