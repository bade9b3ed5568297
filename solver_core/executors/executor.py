"""What an executor is: it does the same work on many blocks of frames, wherever it does it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Protocol, TypeVar

Block = TypeVar("Block")
Result = TypeVar("Result")


class Executor(Protocol):
    """Does work block by block.

    A result depends on the work, what is shared and the block alone: not on who did it, nor on how many workers there
    are. So blocks are cut by frames, never by workers, and work changes nothing that it is given.
    """

    @property
    def workers(self) -> int:
        """How many blocks are worked on at once."""

    def constant(self, value: object, make: Callable[..., object] | None = None, *arguments: object) -> None:
        """Let an object travel to each worker once, and stay there with what it keeps.

        Args:
            value: the object; it must not change afterwards.
            make: makes it anew over there, where it cannot travel: a network, say; None: it travels itself.
            arguments: of `make`.
        """

    def map(
        self, work: Callable[..., Result], blocks: Sequence[Block], *shared: object
    ) -> Generator[tuple[int, Result]]:
        """Do `work(*shared, block)` for all blocks.

        Args:
            work: a function of a module, which changes nothing that it is given.
            blocks: small; neighbours share footage and are best done by the same worker.
            shared: what is the same for all of them.

        Yields:
            The position of a block among the blocks, and its result, as they are done. A caller that stops listening
            stops the work.
        """

    def close(self) -> None:
        """Let the workers go."""


class Here:
    """In this process, one block after another."""

    workers = 1

    def constant(self, value: object, make: Callable[..., object] | None = None, *arguments: object) -> None:
        """Nothing has to travel."""

    def map(
        self, work: Callable[..., Result], blocks: Sequence[Block], *shared: object
    ) -> Generator[tuple[int, Result]]:
        """In their order."""
        for position, block in enumerate(blocks):
            yield position, work(*shared, block)

    def close(self) -> None:
        """There is nobody to let go."""


HERE = Here()


def in_order(results: Iterable[tuple[int, Result]]) -> list[Result]:
    """All results, in the order of their blocks."""
    return [result for _, result in sorted(results, key=_position)]


def _position(result: tuple[int, Any]) -> int:
    return result[0]
