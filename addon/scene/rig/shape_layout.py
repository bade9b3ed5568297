"""How shape keys are grouped and which are left out, as a value: grouping, moving, mending; no bpy."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, FrozenSet, List, Sequence, Tuple

from .shape_groups import GROUPS, group_of, grouped


@dataclass(frozen=True)
class Group:
    """Shape keys that are solved alike.

    Args:
        name: one of `GROUPS`, or the artist's own.
        keys: their names.
        enabled: whether they are solved.
        strength: how freely they move; 1 is usual, less holds them nearer to zero.
    """

    name: str
    keys: Tuple[str, ...] = ()
    enabled: bool = True
    strength: float = 1.0


@dataclass(frozen=True)
class Layout:
    """All groups, and the keys that are not solved though their group is."""

    groups: Tuple[Group, ...] = ()
    left_out: FrozenSet[str] = field(default_factory=frozenset)

    def homes(self) -> Dict[str, List[str]]:
        """The names of the groups that each key is in."""
        found: Dict[str, List[str]] = {}
        for group in self.groups:
            for key in group.keys:
                found.setdefault(key, []).append(group.name)
        return found


@dataclass(frozen=True)
class Faults:
    """Where a layout does not suit a face: keys in several groups, keys that the face has not, keys in no group."""

    doubled: Tuple[str, ...]
    absent: Tuple[str, ...]
    loose: Tuple[str, ...]

    def __bool__(self) -> bool:
        """True where there is one."""
        return bool(self.doubled or self.absent or self.loose)


def faults(layout: Layout, keys: Sequence[str]) -> Faults:
    """What `complete` would change, for a face with these keys."""
    homes, present = layout.homes(), set(keys)
    return Faults(
        tuple(key for key in keys if len(homes.get(key, ())) > 1),
        tuple(key for key in homes if key not in present),
        tuple(key for key in keys if key not in homes),
    )


def complete(layout: Layout, keys: Sequence[str]) -> Layout:
    """The layout with every key of a face in exactly one group.

    A key stays in the first group that names it, and a new one goes where its name says. Keys that the face has not and
    groups without a key are dropped.
    """
    free = dict.fromkeys(keys)
    members: Dict[str, List[str]] = {}
    for group in layout.groups:
        members.setdefault(group.name, []).extend(key for key in dict.fromkeys(group.keys) if key in free)
        for key in group.keys:
            free.pop(key, None)
    for key in free:
        members.setdefault(group_of(key), []).append(key)
    return _with_members(layout, members, keys)


def regroup(layout: Layout, keys: Sequence[str]) -> Layout:
    """The keys of a face grouped by their names alone; switches and strengths of groups and keys that stay are kept."""
    return _with_members(layout, grouped(keys), keys)


def move(layout: Layout, keys: Sequence[str], name: str) -> Layout:
    """The layout with these keys in the group of that name, made where missing.

    Groups that become empty are dropped.
    """
    members = {group.name: [key for key in group.keys if key not in keys] for group in layout.groups}
    members.setdefault(name, []).extend(keys)
    return _with_members(layout, members, list(layout.homes()) + list(keys))


def _with_members(layout: Layout, members: Dict[str, List[str]], keys: Sequence[str]) -> Layout:
    before = {group.name: group for group in reversed(layout.groups)}
    order = [*dict.fromkeys(group.name for group in layout.groups), *GROUPS]
    names = sorted(members, key=lambda name: order.index(name) if name in order else len(order))
    groups = tuple(replace(before.get(name, Group(name)), keys=tuple(members[name])) for name in names if members[name])
    return Layout(groups, layout.left_out & frozenset(keys))
