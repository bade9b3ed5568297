"""What a kind of step is, and what all kinds share."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from solver_core.common.arrays import Ints
from solver_core.face.parameters import FreeParameters
from solver_core.networks.regions import Layout
from solver_core.stages.context import Context

Cancelled = Callable[[], bool]


def never() -> bool:
    """Not cancelled, where nobody can stop a step."""
    return False


class WrongSettingError(Exception):
    """What is wrong with a step's settings.

    Args:
        setting: the keys that lead to it in the step's table; empty where it is the step as a whole.
        what: is wrong.
        remedy: what would be right.
    """

    def __init__(self, setting: tuple[str, ...], what: str, remedy: str) -> None:
        super().__init__(what)
        self.setting, self.what, self.remedy = setting, what, remedy


def setting_name(setting: dataclasses.Field[Any]) -> str:
    """What stage files call a field of a step."""
    return setting.name.rstrip("_")


def default_of(setting: dataclasses.Field[Any]) -> object:
    """A field's default; dataclasses.MISSING where there is none."""
    return setting.default if setting.default_factory is dataclasses.MISSING else setting.default_factory()


class Step(ABC):
    """One step of a stage: a frozen dataclass, whose fields are the settings that a stage file gives it.

    A kind is added by one such class and its registration (catalogue.py). Fields are of type bool, int (1 to 1000),
    float (0 or more), str (its metadata holds the `choices`), `tuple[str, ...]` (shape keys) or `Mapping[str, float]`
    (amounts by name; its metadata may hold an `example` in TOML). A field whose name is a word of Python's ends in an
    underscore, which stage files leave out.
    """

    kind: ClassVar[str]  # its name in stage files
    seconds: ClassVar[float]  # expected for a frame in one pass, for the time left
    # Whether it solves frames one by one. One that does not takes what is known further: before it, the frames that are
    # solved are joined to those that stay, and where no step of a run solves, the frames that it does not change stay
    # as they are.
    solves: ClassVar[bool] = True
    # whether a frame is reported whenever it has moved, before its stage has ended
    reports_moves: ClassVar[bool] = False
    # whether it changes no frame but those that infill has left to it: what is solved is finished without it
    only_fills: ClassVar[bool] = False

    keys: tuple[str, ...]  # shape-key groups or names, or words of key_names.py
    observers: Mapping[str, float] = MappingProxyType({})  # those that it asks (observe/registry.py), and their weights

    @property
    def passes(self) -> int:
        """How often `run` comes to each frame."""
        return 1

    @property
    def expected(self) -> float:
        """Seconds a frame in all passes, for the time left."""
        return self.passes * self.seconds

    @property
    def moves_head(self) -> bool:
        """Whether the head's position is free."""
        return True

    def frames(self, context: Context) -> Ints:
        """Indices of the frames that it changes."""
        return context.solvable

    def free(self, context: Context) -> FreeParameters:
        """The parameters that it may change."""
        return context.free(self.keys)

    def prepare(self, context: Context, *, solving: bool) -> list[str]:
        """Before any step of the run: say which frames are its own, where `frames` depends on it.

        Args:
            context: the solve; its `fill`, `known` and `filled` may change.
            solving: whether any step of the run solves frames.

        Returns:
            Sentences that the artist should know.

        Raises:
            FaceSolveError: where the step cannot run in this shot.
        """
        del context, solving
        return []

    @abstractmethod
    def run(self, context: Context, cancelled: Cancelled = never) -> Iterator[Ints]:
        """Run the step; context.pose changes.

        Args:
            context: the solve.
            cancelled: asked between pieces of work that take longer than the frames between two yields; true stops.

        Yields:
            [b] indices of frames that have just been moved; in all, `passes` times the number of `frames`.
        """

    def solve_anchors(self, context: Context, cancelled: Cancelled = never) -> None:
        """Solve the frames that `context.asked` names by themselves (shared/joins.py).

        They stay as they are otherwise.
        """
        for _ in self.run(context, cancelled):
            pass

    @classmethod
    def upgraded(cls, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The settings of a stage file in today's words, where earlier versions had others.

        Raises:
            WrongSettingError: naming the setting.
        """
        return settings

    def check(self, layout: Layout) -> None:
        """Refuse settings that do not go together, or names that are not known.

        Args:
            layout: of the landmark network, whose regions may be named.

        Raises:
            WrongSettingError: naming the setting.
        """
        del layout
