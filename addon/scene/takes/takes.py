"""Keeps what each solve wrote as a take, and plays a take: the artist's own keys stay whichever is current."""

from __future__ import annotations

from typing import Dict, List

import bpy

from ...problem import FaceSolveProblem
from ..keys.curves import keyed_values, remove_keys, write_keys
from ..keys.fixes import forget, solved_channels
from ..keys.record import KEPT, Channel, Written, load_written, read_record, record_text, single, store_written
from ..results.verdicts import forget_errors
from ..rig.followers import shared_channels
from ..rig.mesh import check_face, is_mesh, key_blocks
from .adjust import blended, strengthened

KEPT_TAKES = 12  # the oldest without a name of the artist's own goes when there are more


def keep_take(settings: bpy.types.PropertyGroup, title: str) -> None:
    """Keep what is written now as a new take, and make it the current one.

    Args:
        settings: `scene.face_solve`, after a solve or an import has been keyed.
        title: what made it, such as "Solve Shot".
    """
    if not settings.written:
        return
    take = settings.takes.add()
    take.name = take.label = _free_name(settings, title)
    take.written = settings.written
    take.overlay, take.overlay_there = settings.overlays.file, settings.overlays.file_there
    _copy_results(settings.results, take.results)
    _make_current(settings, take.name)
    spare = [
        one.name for one in settings.takes if not one.own_name and one.name not in (settings.take, settings.other_take)
    ]
    for name in spare[: max(0, len(settings.takes) - KEPT_TAKES)]:
        settings.takes.remove(settings.takes.find(name))
    settings.take_index = settings.takes.find(settings.take)
    strengths(settings)


def play_take(settings: bpy.types.PropertyGroup, name: str) -> None:
    """Put a take on the timeline, with its strengths and its neutral frame, in place of the current one.

    Locked frames and the artist's own keys stay as they are.

    Raises:
        FaceSolveProblem: where there is no such take or no face.
    """
    check_face(settings)
    find_take(settings, name)
    written = load_written(settings)
    store_written(settings, written)  # takes follow keys that were renamed
    take = find_take(settings, name)
    record = _adjusted(settings, take)
    locked = {item.frame for item in settings.locked_frames}
    for channel in _channels(settings, {one for one in (*record, *written) if not one.startswith(KEPT)}):
        _replace(channel, record.get(channel.name, {}), written, locked)
    store_written(settings, written)
    forget()
    if take.results:
        _copy_results(take.results, settings.results)
        if _is_adjusted(take):
            forget_errors(settings.results)
        settings.overlays.file, settings.overlays.file_there = take.overlay, take.overlay_there
    _make_current(settings, take.name)
    scene = settings.id_data
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


def replay(settings: bpy.types.PropertyGroup) -> None:
    """Play the current take again: a strength of it has changed."""
    copied = settings.actor != settings.face  # another face is being chosen: its values are only copied
    if not copied and settings.takes.find(settings.take) >= 0 and is_mesh(settings.face):
        play_take(settings, settings.take)


def rename_take(take: bpy.types.PropertyGroup) -> None:
    """Give a take the name that the artist has typed (`label`): from then on it is never thrown away."""
    settings = take.id_data.face_solve
    wanted = take.label.strip()
    if not wanted or wanted == take.name:
        return
    names = {one.name for one in settings.takes}
    before, name = take.name, wanted if wanted not in names else _free_name(settings, wanted)
    take.name, take.own_name = name, True
    if take.label != name:
        take.label = name
    for role in ("take", "other_take"):
        if getattr(settings, role) == before:
            setattr(settings, role, name)


def strengths(settings: bpy.types.PropertyGroup) -> bpy.types.bpy_prop_collection:
    """The current take's strengths, one for each group of shape keys.

    Raises:
        FaceSolveProblem: where there is no current take.
    """
    take = find_take(settings, settings.take)
    for group in settings.shape_groups:
        if group.name not in take.strengths:
            take.strengths.add().name = group.name
    return take.strengths


def swap_takes(settings: bpy.types.PropertyGroup) -> str:
    """Play the take that was current before this one; answers with its name.

    Raises:
        FaceSolveProblem: where there is no other.
    """
    if settings.takes.find(settings.other_take) < 0:
        raise FaceSolveProblem("There is no other take to compare with.", "Solve again, or play another take first.")
    play_take(settings, settings.other_take)
    return settings.take


def blend_takes(settings: bpy.types.PropertyGroup, name: str, share: float) -> str:
    """A new take between the current one (share 0) and another (share 1); answers with its name.

    Raises:
        FaceSolveProblem: where one of the two is missing.
    """
    current, other = find_take(settings, settings.take), find_take(settings, name)
    if current.name == other.name:
        raise FaceSolveProblem("That is the current take itself.", "Choose another to blend with.")
    current_name = current.name
    store_written(settings, load_written(settings))  # takes follow keys that were renamed
    mixed = blended(_adjusted(settings, current), _adjusted(settings, other), share)
    return add_take(settings, f"{current_name} + {name}", mixed)


def add_take(settings: bpy.types.PropertyGroup, title: str, record: Written) -> str:
    """Make a take of values that no solve has found, and play it; answers with its name.

    Args:
        settings: `scene.face_solve`.
        title: what made it.
        record: value by frame by channel; a frame keeps its status, and has no error: nobody has measured it.
    """
    take = settings.takes.add()
    made = take.name = take.label = _free_name(settings, title)
    take.written = record_text({channel: _singles(values) for channel, values in record.items()})
    _copy_results(settings.results, take.results)
    take.overlay, take.overlay_there = settings.overlays.file, settings.overlays.file_there
    forget_errors(take.results)
    play_take(settings, made)
    strengths(settings)
    return made


def delete_take(settings: bpy.types.PropertyGroup, name: str) -> None:
    """Forget a take; keys on the timeline stay.

    Raises:
        FaceSolveProblem: where there is none, or it is the current one.
    """
    take = find_take(settings, name)
    if take.name == settings.take:
        raise FaceSolveProblem("The current take is what plays.", "Play another one first.")
    settings.takes.remove(settings.takes.find(name))
    settings.take_index = settings.takes.find(settings.take)


def set_neutral(settings: bpy.types.PropertyGroup, frame: int) -> None:
    """Say that at this frame the actor's face is at rest: what the keys have there is taken out of the whole take.

    Raises:
        FaceSolveProblem: where the take has nothing at that frame.
    """
    take = find_take(settings, settings.take)
    record = read_record(take.written, settings.face)
    if not any(frame in values for channel, values in record.items() if channel.startswith("key:")):
        raise FaceSolveProblem(f"The take has no expression at frame {frame}.", "Choose a frame that was solved.")
    take.neutral_frame, take.has_neutral = frame, True
    play_take(settings, take.name)


def clear_neutral(settings: bpy.types.PropertyGroup) -> None:
    """Play the take's expression as it was solved again.

    Raises:
        FaceSolveProblem: where there is no current take.
    """
    take = find_take(settings, settings.take)
    take.has_neutral = False
    play_take(settings, take.name)


def find_take(settings: bpy.types.PropertyGroup, name: str) -> bpy.types.PropertyGroup:
    """The take of a name.

    Raises:
        FaceSolveProblem: where there is none.
    """
    index = settings.takes.find(name)
    if index < 0:
        raise FaceSolveProblem(
            "No take is chosen." if not name else f"There is no take {name}.", "Solve, or click one."
        )
    return settings.takes[index]


def strength_of(take: bpy.types.PropertyGroup, group: str) -> float:
    """How strong a take plays the shape keys of a group; 1 is as solved."""
    found = take.strengths.get(group)
    return 1.0 if found is None else found.value


def _is_adjusted(take: bpy.types.PropertyGroup) -> bool:
    """Whether a take plays otherwise than it was solved."""
    return take.has_neutral or any(strength.value != 1.0 for strength in take.strengths)


def median_error(take: bpy.types.PropertyGroup) -> float:
    """The median of a take's errors in thousandths of the face's size; below zero where none is known."""
    errors = sorted(result.error for result in take.results if result.error >= 0.0)
    return errors[len(errors) // 2] if errors else -1.0


def _adjusted(settings: bpy.types.PropertyGroup, take: bpy.types.PropertyGroup) -> Written:
    """What a take plays: the head as solved, every key by the strength of its group, counted from the neutral frame."""
    record = {
        name: values for name, values in read_record(take.written, settings.face).items() if not name.startswith(KEPT)
    }
    homes = {key.name: group.name for group in settings.shape_groups for key in group.keys}
    blocks = {block.name: block for block in key_blocks(settings.face)}
    for name, values in record.items():
        key = name.rpartition("key:")[2]
        if "key:" not in name or key not in blocks:
            continue
        strength = strength_of(take, homes.get(key, ""))
        neutral = values.get(take.neutral_frame, 0.0) if take.has_neutral else 0.0
        if strength != 1.0 or neutral:
            limits = (blocks[key].slider_min, blocks[key].slider_max)
            record[name] = _singles(strengthened(values, strength, neutral, limits))
    return record


def _singles(values: Dict[int, float]) -> Dict[int, float]:
    return {frame: single(value) for frame, value in values.items()}


def _channels(settings: bpy.types.PropertyGroup, names: set) -> List[Channel]:
    """The channels of these names that are there: of the head, its keys and controls, and of what came along."""
    found = {channel.name: channel for channel in solved_channels(settings, settings.face)}
    for other in settings.id_data.objects:
        if any(name.startswith(f"{other.name}/") for name in names) and is_mesh(other):
            found.update((one.name, one) for one in shared_channels(settings.face, other).values())
    return [channel for name, channel in found.items() if name in names]


def _replace(channel: Channel, values: Dict[int, float], written: Written, locked: set) -> None:
    """Write a take's keys in place of those that the solver has there now."""
    existing = keyed_values(channel.find())
    ours = written.get(channel.name, {})
    free = {frame for frame, value in ours.items() if existing.get(frame) == value and frame not in locked}
    gone = free - values.keys()
    if gone:
        remove_keys(channel.find(), gone)
    new = {
        frame: value
        for frame, value in values.items()
        if frame not in locked and (frame in free or frame not in existing)
    }
    if new:
        write_keys(channel.ensure(), new)
    kept = {frame: value for frame, value in ours.items() if frame not in free}
    written[channel.name] = {**kept, **new}


def _make_current(settings: bpy.types.PropertyGroup, name: str) -> None:
    if settings.take != name:
        settings.other_take, settings.take = settings.take, name
    settings.take_index = settings.takes.find(name)


def _free_name(settings: bpy.types.PropertyGroup, title: str) -> str:
    """The title with the number after the highest that it has: a later take never has an earlier one's name."""
    endings = (take.name[len(title) + 1 :] for take in settings.takes if take.name.startswith(f"{title} "))
    return f"{title} {1 + max((int(one) for one in endings if one.isdecimal()), default=0)}"


def _copy_results(source: bpy.types.bpy_prop_collection, target: bpy.types.bpy_prop_collection) -> None:
    target.clear()
    for one in source:
        made = target.add()
        for part in one.bl_rna.properties:
            if part.identifier not in ("rna_type", "name"):
                setattr(made, part.identifier, getattr(one, part.identifier))
