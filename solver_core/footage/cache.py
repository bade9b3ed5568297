"""Arrays that are asked for again and again, kept in memory up to a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy.typing as npt

Key = TypeVar("Key")
Array = npt.NDArray[Any]


def remembered(
    store: dict[Key, Array], key: Key, make: Callable[[], Array], room: int, *, rounds: bool = False
) -> Array:
    """What the store keeps under a key, made where it is not there.

    Args:
        store: the arrays that are kept, last used last; it changes.
        key: of the array.
        make: makes it.
        room: bytes that the store may take; one array alone may take more.
        rounds: whether all keys are gone through in order, over and over: then what was used last makes room, because
            it is the last to come again. Else what was not used for longest.
    """
    found = store.pop(key, None)
    if found is None:
        found = make()
        taken = found.nbytes + sum(one.nbytes for one in store.values())
        while store and taken > room:
            taken -= store.pop(next(reversed(store)) if rounds else next(iter(store))).nbytes
    store[key] = found
    return found
