"""How work travels: objects as pickles whose large arrays lie beside them, in files that all workers map.

Constants travel once and are named by a number from then on (pickle's persistent identity).
"""

from __future__ import annotations

import io
import mmap
import pickle
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solver_core.executors.executor import Executor

BESIDE = 2**16  # bytes from which an array lies beside its pickle
ALIGNED = 64


@dataclass(frozen=True)
class Parcel:
    """A pickle and the arrays beside it."""

    head: bytes
    buffers: Sequence[Any]  # of the buffer protocol

    def write(self, path: Path) -> None:
        """Into a file."""
        views: list[Any] = [memoryview(one).cast("B") for one in self.buffers]
        table = struct.pack(f"<{2 + len(views)}Q", len(self.head), len(views), *(len(one) for one in views))
        with path.open("wb") as file:
            for part in [table, self.head, *views]:
                file.write(part)
                file.write(bytes(-len(part) % ALIGNED))

    @classmethod
    def mapped(cls, path: Path) -> Parcel:
        """A file's. Its pages are shared by all that map it; who writes to an array gets pages of its own."""
        with path.open("rb") as file:
            whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        head, count = struct.unpack_from("<2Q", whole)
        sizes = struct.unpack_from(f"<{count}Q", whole, 16)
        parts, at = [], 0
        for size in (16 + 8 * count, head, *sizes):
            parts.append(whole[at : at + size])
            at += size + -size % ALIGNED
        return cls(bytes(parts[1]), parts[2:])


@dataclass
class Sender:
    """Packs objects; knows the constants by their identity."""

    known: dict[int, int] = field(default_factory=dict)  # number by id
    values: list[object] = field(default_factory=list)  # by number; kept, so that no id is given twice
    _made: list[tuple[Callable[..., object] | None, tuple[object, ...]]] = field(default_factory=list)

    def constant(self, value: object, make: Callable[..., object] | None, arguments: tuple[object, ...]) -> None:
        """Give an object a number."""
        if value is not None and id(value) not in self.known:
            self.known[id(value)] = len(self.values)
            self.values.append(value)
            self._made.append((make, arguments))

    def replay(self, executor: Executor) -> None:
        """Tell another executor of all constants."""
        for value, (make, arguments) in zip(self.values, self._made, strict=True):
            executor.constant(value, make, *arguments)

    def pack(self, value: object) -> Parcel:
        """Anything, its constants by their numbers."""
        return _packed(value, self.known)

    def pack_constant(self, number: int) -> Parcel:
        """A constant itself: how it is made over there."""
        make, arguments = self._made[number]
        others = {key: other for key, other in self.known.items() if other != number}
        return _packed((make, self.values[number] if make is None else arguments), others)

    def unpack(self, data: bytes) -> Any:
        """What a worker has sent back."""
        return _Unpickler(io.BytesIO(data), self.values.__getitem__).load()


class Receiver:
    """Unpacks what a sender has packed.

    Args:
        parcel: the parcel of a constant, by its number.
    """

    def __init__(self, parcel: Callable[[int], Parcel]) -> None:
        self._parcel = parcel
        self._values: dict[int, Any] = {}
        self._known: dict[int, int] = {}

    def unpack(self, parcel: Parcel) -> Any:
        """The object; constants are made when they are first asked for."""
        return _Unpickler(io.BytesIO(parcel.head), self._constant, parcel.buffers).load()

    def pack(self, value: object) -> bytes:
        """A result, all of it in one piece."""
        out = io.BytesIO()
        _Pickler(out, self._known, None).dump(value)
        return out.getvalue()

    def _constant(self, number: int) -> Any:
        if number not in self._values:
            make, given = self.unpack(self._parcel(number))
            value = self._values[number] = given if make is None else make(*given)
            self._known[id(value)] = number
        return self._values[number]


def _packed(value: object, known: dict[int, int]) -> Parcel:
    out, buffers = io.BytesIO(), list[memoryview]()

    def beside(buffer: pickle.PickleBuffer) -> bool:  # whether it stays inside
        raw = buffer.raw()
        if raw.nbytes >= BESIDE:
            buffers.append(raw)
        return raw.nbytes < BESIDE

    _Pickler(out, known, beside).dump(value)
    return Parcel(out.getvalue(), buffers)


class _Pickler(pickle.Pickler):
    def __init__(
        self, file: io.BytesIO, known: dict[int, int], beside: Callable[[pickle.PickleBuffer], bool] | None
    ) -> None:
        super().__init__(file, 5, buffer_callback=beside)
        self._known = known

    def persistent_id(self, value: object) -> int | None:
        return self._known.get(id(value))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, constant: Callable[[int], Any], buffers: Sequence[Any] = ()) -> None:
        super().__init__(file, buffers=buffers)
        self._constant = constant

    def persistent_load(self, number: int) -> Any:
        return self._constant(number)
