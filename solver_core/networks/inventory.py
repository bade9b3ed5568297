"""What of each network is on this machine: its weights, and the Python package that it runs on."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from solver_core.networks import weights
from solver_core.networks.sources import ByHand

_PACKAGES = {"fan": "face_alignment", "dlib_cnn": "dlib"}


@dataclass(frozen=True)
class Item:
    """One network.

    Attributes:
        name: of its weights, as `weights fetch` takes it.
        what: what it does, one sentence, and a second where something should be known of it.
        licence: the licence's SPDX name, and what else its authors say of its use.
        size: of the download, bytes.
        state: of the weights: `intact`, `missing` or `altered`.
        package: the Python package that it needs and that is not installed; empty where nothing is missing.
        optional: whether solves run without it.
        by_hand: what the user has to do where the solver does not fetch it; empty where it does.
    """

    name: str
    what: str
    licence: str
    size: int
    state: str
    package: str
    optional: bool
    by_hand: str = ""


def inventory() -> list[Item]:
    """Every network with weights, in the registry's order."""
    items = []
    for one in weights.REGISTRY.values():
        state, package = weights.state(one.name), _missing(one.name)
        by_hand = one.source.remedy(weights.folder()) if isinstance(one.source, ByHand) else ""
        items.append(Item(one.name, one.described, one.licence, one.source.size, state, package, one.optional, by_hand))
    return items


def _missing(name: str) -> str:
    package = _PACKAGES.get(name, "")
    return package if package and importlib.util.find_spec(package) is None else ""


def networks_in_words(items: list[Item]) -> list[str]:
    """Which are here, which are damaged and which are not here, a sentence each."""
    groups = {
        "Networks here": [item for item in items if item.state == "intact" and not item.package],
        "Damaged": [item for item in items if item.state == "altered"],
        "Without their Python package": [item for item in items if item.state == "intact" and item.package],
        "Not here": [item for item in items if item.state == "missing"],
    }
    return [f"{what}: {', '.join(item.name for item in some)}." for what, some in groups.items() if some]
