"""The settings under `scene.face_solve`, and what a solve remembers on the scene."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Object, PropertyGroup

from .overlay_settings import FaceSolveOverlays
from .scene.setup.actors import change_actor


def _is_mesh(_self: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "MESH"


def _is_camera(_self: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type == "CAMERA"


def _moves_heads(_self: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type in ("MESH", "EMPTY", "ARMATURE", "CURVE", "LATTICE")


class FaceSolveCamera(PropertyGroup):
    """A matchmoved camera whose plate is solved against."""

    camera: PointerProperty(name="Camera", type=Object, poll=_is_camera)
    enabled: BoolProperty(name="Use", default=True, description="Solve against this camera's plate")


class FaceSolveKeyName(PropertyGroup):
    """A shape key in a group (`name`)."""

    enabled: BoolProperty(name="Solve", default=True, description="Solve this shape key; otherwise it keeps its values")


class FaceSolveShapeGroup(PropertyGroup):
    """Shape keys that move one part of the face (`name`)."""

    enabled: BoolProperty(
        name="Solve", default=True, description="Solve these shape keys; otherwise they keep their values"
    )
    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.0,
        soft_max=2.0,
        max=10.0,
        description="How freely these shape keys move; less holds them nearer to zero",
    )
    keys: CollectionProperty(type=FaceSolveKeyName)


def _own(item: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    item.found = False


class FaceSolveRange(PropertyGroup):
    """Frames where the face cannot be seen, bridged from both sides."""

    frame_start: IntProperty(name="Start", description="First frame where the face cannot be seen", update=_own)
    frame_end: IntProperty(name="End", description="Last frame where the face cannot be seen", update=_own)
    enabled: BoolProperty(name="Use", default=True, description="Bridge this range", update=_own)
    found: BoolProperty(
        name="Found",
        description="Found in the last solve, and replaced after the next one; "
        "a range that you add or change is your own",
    )


class FaceSolveLockedFrame(PropertyGroup):
    """A frame that a solve leaves as it is."""

    frame: IntProperty()


class FaceSolveFrameResult(PropertyGroup):
    """What became of a frame in the last solve."""

    frame: IntProperty()
    status: StringProperty()
    error_px: FloatProperty(
        default=-1.0,
        description="Distance between the plate's and the render's landmarks in plate pixels; below zero where unknown",
    )
    reason: StringProperty()
    off_mm: FloatProperty(
        description="How far what plays stands from what was solved, in millimetres of the head; 0 where it is the same"
    )
    mark: EnumProperty(
        name="Mark",
        items=(
            ("NONE", "By Error", "Good or bad by its error"),
            ("GOOD", "Good", "You looked at it and it is good"),
            ("BAD", "Bad", "You looked at it and it is bad"),
        ),
        default="NONE",
        description="Your own judgement; solving the frame again takes it back",
    )


class FaceSolveRun(PropertyGroup):
    """What an operator that solves did last (`name`: its title)."""

    text: StringProperty()
    failed: BoolProperty()


def _show_result(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    if 0 <= settings.result_index < len(settings.results):
        settings.id_data.frame_set(settings.results[settings.result_index].frame)


class FaceSolveActor(PropertyGroup):
    """What belongs to a face that is not the chosen one at the moment, for when it is chosen again."""

    face: PointerProperty(type=Object)
    jaw_bone: StringProperty()
    head_owner: PointerProperty(type=Object)
    head_bone: StringProperty()
    shape_groups: CollectionProperty(type=FaceSolveShapeGroup)
    infill_ranges: CollectionProperty(type=FaceSolveRange)
    locked_frames: CollectionProperty(type=FaceSolveLockedFrame)
    results: CollectionProperty(type=FaceSolveFrameResult)
    last_result: StringProperty()
    runs: CollectionProperty(type=FaceSolveRun)
    found_jaw: StringProperty()
    found_owner: PointerProperty(type=Object)
    found_bone: StringProperty()
    written: StringProperty()


def _change_actor(settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    change_actor(settings)


class FaceSolveSettings(PropertyGroup):
    """`scene.face_solve`."""

    face: PointerProperty(
        name="Face",
        type=Object,
        poll=_is_mesh,
        update=_change_actor,
        description="The head: a mesh with shape keys; without any, only its motion is solved",
    )
    jaw_bone: StringProperty(
        name="Jaw Bone",
        description="The bone of the face's armature that opens the mouth; "
        "left empty, the jaw moves by shape keys alone",
    )
    head_owner: PointerProperty(
        name="Moved By",
        type=Object,
        poll=_moves_heads,
        description="The object that moves the head: the face itself, what it is parented to, or its armature. "
        "Empty: the face itself, or the armature of its jaw bone",
    )
    head_bone: StringProperty(
        name="Head Bone",
        description="The bone that moves the head, where not the whole armature does",
    )
    cameras: CollectionProperty(type=FaceSolveCamera)
    camera_index: IntProperty(options={"HIDDEN"})
    frame_start: IntProperty(name="Start", default=1, description="First frame to solve")
    frame_end: IntProperty(name="End", default=250, description="Last frame to solve")
    shape_groups: CollectionProperty(type=FaceSolveShapeGroup)
    shape_group_index: IntProperty(options={"HIDDEN"})
    key_index: IntProperty(options={"HIDDEN"})
    key_search: StringProperty(
        name="Search",
        options={"TEXTEDIT_UPDATE"},
        description="Show the shape keys with all of these words in their names",
    )
    key_state: EnumProperty(
        name="Show",
        items=(
            ("ALL", "All", "Solved or not"),
            ("SOLVED", "Solved", "Those that a solve moves"),
            ("LEFT_OUT", "Left Out", "Those that are switched off, muted or driven"),
        ),
        default="ALL",
        description="Which shape keys the list shows",
    )
    key_of_group: BoolProperty(
        name="Of This Group", default=True, description="Show the shape keys of the active group alone"
    )
    infill_ranges: CollectionProperty(type=FaceSolveRange)
    infill_index: IntProperty(options={"HIDDEN"})
    landmarks: EnumProperty(
        name="Landmarks",
        items=(
            ("FACEMESH", "FaceMesh", "468 points, fast, bundled with the solver"),
            (
                "ATTENTION",
                "FaceMesh with Attention",
                "478 points: finer lips and eyelids, and irises; bundled with the solver",
            ),
            ("FAN", "3D-FAN", "68 points, the paper's network; its weights are fetched separately"),
        ),
        default="FACEMESH",
        description="The network that finds eyes, brows, nose and lips, on the plate and on the render",
    )
    detector: EnumProperty(
        name="Face Detector",
        items=(
            ("SHORT_RANGE", "BlazeFace", "Fast, comes with the solver"),
            ("DLIB_CNN", "dlib CNN", "The paper's detector: slower, sees turned faces; needs dlib and its weights"),
            ("DLIB_HOG", "dlib HOG", "Upright faces seen from the front; needs dlib"),
        ),
        default="SHORT_RANGE",
        description="How the face is found in the plate",
    )
    flow: EnumProperty(
        name="Optical Flow",
        items=(
            ("DIS", "DIS", "Dense inverse search: fast, comes with the solver"),
            (
                "OWN",
                "Face Solve",
                "A network trained on rendered heads: slower than DIS, errs less; comes with the solver",
            ),
            ("RAFT_SMALL", "RAFT Small", "Slower; its weights are brought by hand"),
            ("RAFT_LARGE", "RAFT", "Slower still; its weights are brought by hand"),
            ("FLOWNET2", "FlowNet2", "The paper's network; its weights are brought by hand and for research only"),
        ),
        default="DIS",
        description="What compares the render with the plate, pixel by pixel",
    )
    refinement: FloatProperty(
        name="Temporal Refinement",
        default=0.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        description="Amount of temporal refinement; 0 leaves it out",
    )
    bad_error_px: FloatProperty(
        name="Bad Above",
        default=3.0,
        min=0.0,
        soft_max=20.0,
        description="Frames with a larger error (plate pixels) are bad frames to step through",
    )
    reference_frames: StringProperty(
        name="Reference Frames",
        description="Frames that the light is taken from, such as 1001, 1010-1012: "
        "the face seen well, and well aligned. "
        "Empty: the solver chooses",
    )
    stage_file: StringProperty(
        name="Stages",
        subtype="FILE_PATH",
        description="A studio's own stages (TOML) instead of the solver's, or paper for the paper's; "
        "empty for the solver's",
    )
    locked_frames: CollectionProperty(type=FaceSolveLockedFrame)
    results: CollectionProperty(type=FaceSolveFrameResult)
    result_index: IntProperty(options={"HIDDEN"}, update=_show_result)
    review: BoolProperty(
        name="Review in the Viewport",
        default=False,
        description="Draw the error of every frame over the viewport. "
        "Click a bar to go to its frame; N and Shift N step through the bad ones",
    )
    overlays: PointerProperty(type=FaceSolveOverlays)
    last_result: StringProperty(name="Last Result")
    runs: CollectionProperty(type=FaceSolveRun)
    # What Set Up found last: what differs from it is the artist's choice.
    found_range: IntVectorProperty(size=2, options={"HIDDEN"})
    found_jaw: StringProperty(options={"HIDDEN"})
    found_owner: PointerProperty(type=Object)
    found_bone: StringProperty(options={"HIDDEN"})
    found_bound: FloatProperty(options={"HIDDEN"})
    # The keys that the solver wrote, with their values: a key that differs is the artist's (scene/record.py).
    written: StringProperty(options={"HIDDEN"})
    # The face that all of this is of, and what belongs to the others.
    actor: PointerProperty(type=Object)
    actors: CollectionProperty(type=FaceSolveActor)


CLASSES = (
    FaceSolveCamera,
    FaceSolveKeyName,
    FaceSolveShapeGroup,
    FaceSolveRange,
    FaceSolveLockedFrame,
    FaceSolveFrameResult,
    FaceSolveRun,
    FaceSolveOverlays,
    FaceSolveActor,
    FaceSolveSettings,
)


def register_settings() -> None:
    """Hang the settings on the scene."""
    bpy.types.Scene.face_solve = PointerProperty(type=FaceSolveSettings)


def unregister_settings() -> None:
    """Take them off again."""
    del bpy.types.Scene.face_solve
