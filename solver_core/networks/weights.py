"""Registry of the networks' weight files: what each is, under which licence, from where; fetched once, verified always.

Files lie in `<cache>/weights`, where the cache is the platform's user cache folder `face_solve`, or the folder named by
the environment variable FACE_SOLVE_CACHE. Some networks are read from the file that their authors publish, others are
converted into `<name>.safetensors`, with the published file kept beside. Each file's SHA-256 (or, where its authors
state no more, the beginning of it) is written down here, and a file that differs is refused.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from solver_core.common.errors import FaceSolveError
from solver_core.common.files import replacing
from solver_core.networks import tflite
from solver_core.networks.graph import Graph, serialise
from solver_core.networks.sources import ByHand, PublishedFile, Report, SdistMember, Source, WheelMember, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNTRIED = "Not run with its published weights by the makers of this version."
INSTALL_FAN = (
    "In Blender tick 3D-FAN beside Install Solver and press it; "
    "elsewhere run: pip install 'face-solve[fan]', then: pip install --no-deps face-alignment==1.5.0"
)


@dataclass(frozen=True)
class WeightFile:
    """One network's weights.

    Attributes:
        name: what commands and code call it.
        what: what the network does, one sentence.
        licence: the licence's SPDX name, and what else its authors say of its use.
        source: where it comes from.
        source_sha256: of the file as published, or its beginning; empty where nobody states it and the user brings the
            file.
        bytes: size of the file that the solver reads.
        sha256: of the converted file; empty where the solver reads the published one.
        optional: fetched only when asked for by name.
        untried: whether its loader has seen files of the same format alone, and never the published one.
    """

    name: str
    what: str
    licence: str
    source: Source
    source_sha256: str
    bytes: int
    sha256: str = ""
    optional: bool = False
    untried: bool = False

    @property
    def described(self) -> str:
        """What it does, and what should be known of it."""
        return f"{self.what} {UNTRIED}" if self.untried else self.what

    @property
    def remedy(self) -> str:
        """What brings the weights."""
        if isinstance(self.source, ByHand):
            return self.source.remedy(folder())
        name = f" {self.name}" if self.optional else ""
        return (
            "In Blender press Download in the add-on's preferences; "
            f"elsewhere run 'python -m solver_core weights fetch{name}'. "
            "Either needs a network connection, once."
        )


def _mediapipe(member: str) -> WheelMember:
    linux = "--platform=manylinux_2_28_x86_64 --python-version=3.11 --implementation=cp --abi=cp311"
    return WheelMember("mediapipe", "0.10.21", tuple(linux.split()), f"mediapipe/modules/{member}", 35_622_638)


RAFT_LICENCE = "BSD-3-Clause (trained on pictures for research: ask their owners about commercial use)"


def _by_hand(name: str, what: str, licence: str, file: str, where: str, size: int, digits: str = "") -> WeightFile:
    return WeightFile(name, what, licence, ByHand(file, where, size), digits, size, optional=True, untried=True)


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
            name="attention",
            what="478 landmarks of a face with finer lips, eyes and irises (FaceMesh with attention).",
            licence="Apache-2.0",
            source=_mediapipe("face_landmark/face_landmark_with_attention.tflite"),
            source_sha256="e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
            sha256="68c723cea3e32dce9c753b2fe684c4d1e7ae79058a2692b2da15cc33277eb0fa",
            bytes=2_463_104,
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
        WeightFile(
            name="fan",
            what="68 landmarks of a face from a 256 x 256 crop (3D-FAN, four hourglasses).",
            licence="BSD-3-Clause (trained on pictures for research: ask their owners about commercial use)",
            source=PublishedFile(
                "face_alignment.api", "models_urls", "3DFAN-4", "3DFAN4-7835d9f11d.pth.tar", 96_300_000, INSTALL_FAN
            ),
            source_sha256="7835d9f11d",  # the ten digits that its authors put into the name
            bytes=96_300_000,
            optional=True,
            untried=True,
        ),
        WeightFile(
            name="dlib_cnn",
            what="Faces in a picture (dlib's CNN, trained with max-margin object detection).",
            licence="CC0-1.0",
            source=SdistMember(
                "face_recognition_models",
                "0.3.0",
                "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf",
                "face_recognition_models-0.3.0/face_recognition_models/models/mmod_human_face_detector.dat",
                100_149_358,
            ),
            source_sha256="4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
            bytes=729_940,
            optional=True,
        ),
        # torchvision puts the first eight digits of the SHA-256 into the name; of the others nobody states it.
        _by_hand(
            "raft_large",
            "Optical flow (RAFT, large, trained by torchvision).",
            RAFT_LICENCE,
            "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
            "torchvision (Raft_Large_Weights.C_T_SKHT_V2)",
            21_100_000,
            "ff5fadd5",
        ),
        _by_hand(
            "raft_small",
            "Optical flow (RAFT, small, trained by torchvision).",
            RAFT_LICENCE,
            "raft_small_C_T_V2-01064c6d.pth",
            "torchvision (Raft_Small_Weights.C_T_V2)",
            4_000_000,
            "01064c6d",
        ),
        _by_hand(
            "raft_things",
            "Optical flow (RAFT, large, trained by its authors).",
            RAFT_LICENCE,
            "raft-things.pth",
            "github.com/princeton-vl/RAFT (models.zip)",
            21_100_000,
        ),
        _by_hand(
            "raft_things_small",
            "Optical flow (RAFT, small, trained by its authors).",
            RAFT_LICENCE,
            "raft-small.pth",
            "github.com/princeton-vl/RAFT (models.zip)",
            4_000_000,
        ),
        _by_hand(
            "flownet2",
            "Optical flow (FlowNet2, as converted by NVIDIA).",
            "for research only, say its authors",
            "FlowNet2_checkpoint.pth.tar",
            "github.com/NVIDIA/flownet2-pytorch",
            650_000_000,
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
    """The weight file that the solver reads, verified.

    Raises:
        FaceSolveError: where it is absent or altered, naming the file and the command that mends it.
    """
    file = _read_file(name)
    problem = _problem(file, _expected(name))
    if problem:
        raise FaceSolveError(f"The weights of the network '{name}' {problem}: {file}.", entry(name).remedy)
    return file


def source_path(name: str) -> Path:
    """The file as its authors publish it, verified; raises as `path` does."""
    expected, file = entry(name), _source(name)
    problem = _problem(file, expected.source_sha256)
    if problem:
        raise FaceSolveError(f"The published weights of the network '{name}' {problem}: {file}.", expected.remedy)
    return file


def is_here(name: str) -> bool:
    """Whether the weight file that the solver reads is there, intact or not."""
    return _read_file(name).exists()


def state(name: str) -> str:
    """Of the weight file that the solver reads: `intact`, `missing` or `altered`."""
    return _problem(_read_file(name), _expected(name)).removeprefix("are ").removeprefix("have been ") or "intact"


def load(name: str) -> Graph:
    """The converted network `name`, ready to run on the processor.

    Raises:
        FaceSolveError: as `path` does.
    """
    with safe_open(str(path(name)), framework="pt") as file:
        description = json.loads(file.metadata()["graph"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    return Graph(description, tensors).eval().requires_grad_(False)


def fetch(name: str, say: Callable[[str], None] = print, report: Report = silent) -> Path:
    """Brings the weights onto this machine; nothing is done where they are there and intact.

    Args:
        name: the registry's name.
        say: where progress goes, one sentence at a time.
        report: told how many bytes have come; may raise `sources.Stopped`.

    Raises:
        FaceSolveError: where the download fails or is not the file that was expected.
        Stopped: where `report` raises it; what came of a file that can be taken up again is kept.
    """
    wanted, file = entry(name), _read_file(name)
    if not _problem(file, _expected(name)):
        say(f"{name}: already there and intact.")
        return file
    if isinstance(wanted.source, ByHand):
        return wanted.source.bring(folder(), folder())
    if _problem(_source(name), wanted.source_sha256):
        _download(wanted, say, report)
    if wanted.sha256:
        _convert(wanted)
    say(f"{name}: ready ({file.stat().st_size / 1e6:.1f} MB).")
    return file


def _convert(wanted: WeightFile) -> None:
    data = serialise(*tflite.read(_source(wanted.name).read_bytes()))
    if _digest(data) != wanted.sha256:
        raise FaceSolveError(
            f"The weights of the network '{wanted.name}' were converted into something unexpected.",
            "Reinstall the solver's Python packages and fetch the weights again.",
        )
    with replacing(_read_file(wanted.name)) as file:
        file.write(data)


def _download(wanted: WeightFile, say: Callable[[str], None], report: Report) -> None:
    """Brings every source file that wanted's archive carries, so that one download serves all of them."""
    source = wanted.source
    say(f"{wanted.name}: downloading {source.size / 1e6:.0f} MB: {source.described}...")
    say(f"{wanted.name}: its licence is {wanted.licence}.")
    with tempfile.TemporaryDirectory(prefix="face_solve_") as temporary:
        try:
            archive = source.bring(Path(temporary), folder(), report)
        except FaceSolveError as error:
            raise FaceSolveError(
                f"The weights of the network '{wanted.name}' could not be downloaded. {error.message}", error.remedy
            ) from error
        try:
            for other in REGISTRY.values():
                if other.source.archive == source.archive:
                    data = other.source.read(archive)
                    if not _digest(data).startswith(other.source_sha256):
                        raise FaceSolveError(
                            f"The downloaded weights of the network '{other.name}' are not the expected file: "
                            f"{source.described} holds another one than this version of the solver was made with.",
                            "Nothing was installed. Fetch the weights again; if it ends so again, update Face Solve.",
                        )
                    with replacing(_source(other.name)) as file:
                        file.write(data)
        finally:
            archive.unlink()


def _read_file(name: str) -> Path:
    """The file that the solver reads."""
    return folder() / f"{name}.safetensors" if entry(name).sha256 else _source(name)


def _expected(name: str) -> str:
    """Its SHA-256, or the beginning of it."""
    return entry(name).sha256 or entry(name).source_sha256


def _source(name: str) -> Path:
    """The file as published: under the network's name where it is kept only for conversion, else under its own."""
    file = entry(name).source.file
    return folder() / (f"{name}{Path(file).suffix}" if entry(name).sha256 else file)


def _problem(file: Path, sha256: str) -> str:
    """What is wrong with a file ("are missing", "have been altered"), or nothing.

    The file is compared with its SHA-256 or the beginning of it.
    """
    try:
        stamp = file.stat()
    except FileNotFoundError:
        return "are missing"
    return "" if _file_digest(file, stamp.st_mtime_ns, stamp.st_size).startswith(sha256) else "have been altered"


@functools.cache
def _file_digest(file: Path, _mtime_ns: int, _size: int) -> str:
    """SHA-256 of a file, computed once a process as long as its time and size stay."""
    return _digest(file.read_bytes())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(argv: Sequence[str]) -> int:
    """`python -m solver_core weights fetch|list|verify [NAME]`; returns the exit status.

    Raises:
        FaceSolveError: where something cannot be fetched, or is absent or altered.
    """
    parser = argparse.ArgumentParser(prog="python -m solver_core weights", description="The networks' weight files.")
    parser.add_argument("command", choices=("fetch", "list", "verify"))
    parser.add_argument("name", nargs="?", help="one network; where left out, all but the optional ones")
    arguments = parser.parse_args(argv)
    if arguments.command == "list":
        print(f"Folder: {folder()}")
    for item in [entry(arguments.name)] if arguments.name else REGISTRY.values():
        wanted = not item.optional or arguments.name is not None
        if arguments.command == "list":
            _print_entry(item)
        elif arguments.command == "fetch" and wanted:
            fetch(item.name)
        elif arguments.command == "verify":
            if wanted or is_here(item.name):
                print(f"{item.name}: intact, {path(item.name)}")
            else:
                print(f"{item.name}: not fetched (optional)")
    return 0


def _print_entry(item: WeightFile) -> None:
    digest = _expected(item.name)
    print(f"{item.name}: {item.described}{' Optional.' if item.optional else ''}")
    print(f"    {item.bytes / 1e6:.1f} MB, {item.licence}, from {item.source.described}")
    stated = f"{digest}{'...' if len(digest) < 64 else ''}" if digest else "unknown, brought by the user"
    print(f"    SHA-256 {stated} ({state(item.name)})")
