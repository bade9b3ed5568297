"""The observers that a step can ask, by the names in the catalogue and in stage files."""

from __future__ import annotations

from collections.abc import Iterable

from solver_core.observe.flow import FlowObserver
from solver_core.observe.irises import IrisObserver
from solver_core.observe.landmarks import LandmarkObserver, LidObserver, LipObserver
from solver_core.observe.observer import Networks, Observer

OBSERVERS: dict[str, type[Observer]] = {
    observer.name: observer for observer in (LandmarkObserver, FlowObserver, LipObserver, LidObserver, IrisObserver)
}


def register(observer: type[Observer]) -> type[Observer]:
    """Make an observer known by its name; also a decorator of its class.

    Raises:
        ValueError: where another one has that name.
    """
    if OBSERVERS.setdefault(observer.name, observer) is not observer:
        raise ValueError(f"there is an observer called {observer.name} already")
    return observer


def load_observers(names: Iterable[str], networks: Networks) -> dict[str, Observer]:
    """The observers of these names, with what they need loaded.

    Raises:
        FaceSolveError: where weights of a network are absent.
    """
    return {name: OBSERVERS[name](networks) for name in names}


def default_weights(*names: str) -> dict[str, float]:
    """These observers with the weights that they have by default."""
    return {name: OBSERVERS[name].weight for name in names}
