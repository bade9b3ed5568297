"""Files that a reader never sees half of."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, beside its place; moved there, whole and on the disk, where the block ends well.

    Where it does not, the old file stays.

    Raises:
        OSError: where the folder cannot be made or written, or the disk is full.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.writing")  # another process may be writing the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # where the folder cannot even be made, there is nothing to take away
            beside.unlink()
        raise
