"""The settings under `scene.face_solve`, and what a solve remembers on the scene."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import Object, PropertyGroup

from .overlay_settings import FaceSolveOverlays
from .scene.results.bounds import USUAL_BOUND
from .scene.setup.actors import change_actor
from .scene.takes.takes import rename_take, replay


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


class FaceSolvePerson(PropertyGroup):
    """Where the person to solve is in a frame of a camera's plate."""

    camera: PointerProperty(type=Object)
    frame: IntProperty()
    place: FloatVectorProperty(size=2, description="Plate pixels over its width and height, from the top left")


class FaceSolvePin(PropertyGroup):
    """A place on the head, and where the artist put it in one camera's plate at a frame."""

    frame: IntProperty()
    camera: PointerProperty(name="Camera", type=Object, poll=_is_camera)
    vertices: IntVectorProperty(size=3, description="The corners of the mesh that it lies between")
    barycentric: FloatVectorProperty(size=3, description="How near it lies to each of them")
    place: FloatVectorProperty(size=2, description="Where it is, in pixels of the plate from its upper left corner")
    size: IntVectorProperty(size=2, description="The plate's width and height in pixels")
    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.0,
        soft_max=2.0,
        max=100.0,
        description="How firmly a solve holds it; at 0 it is switched off",
    )


class FaceSolveFrameResult(PropertyGroup):
    """What became of a frame in the last solve."""

    frame: IntProperty()
    status: StringProperty()
    error_px: FloatProperty(
        default=-1.0,
        description="How far the face is from the plate, in plate pixels; below zero where unknown",
    )
    error: FloatProperty(
        default=-1.0,
        description="The same in thousandths of the face's size in the plate; below zero where unknown",
    )
    error_mouth: FloatProperty(default=-1.0, description="The mouth's own error, in thousandths of the face's size")
    error_eyes: FloatProperty(default=-1.0, description="The eyes' own error, in thousandths of the face's size")
    error_brows: FloatProperty(default=-1.0, description="The brows' own error, in thousandths of the face's size")
    error_outline: FloatProperty(default=-1.0, description="The outline's own error, in thousandths of the face's size")
    doubt: StringProperty(description="Why the face cannot be so although it was solved")
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


def _rename_take(take: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    rename_take(take)


def _replay(strength: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    replay(strength.id_data.face_solve)


class FaceSolveStrength(PropertyGroup):
    """How strong a take plays the shape keys of a group (`name`)."""

    value: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.0,
        max=1.5,
        subtype="FACTOR",
        update=_replay,
        description="How strong the take plays these shape keys: 1 is as solved. Nothing is solved again",
    )


class FaceSolveTake(PropertyGroup):
    """What one solve wrote (`name`), and how it is played."""

    label: StringProperty(
        name="Name", update=_rename_take, description="The take's name; one that you have named is never thrown away"
    )
    own_name: BoolProperty()
    written: StringProperty()
    results: CollectionProperty(type=FaceSolveFrameResult)
    strengths: CollectionProperty(type=FaceSolveStrength)
    has_neutral: BoolProperty()
    neutral_frame: IntProperty()
    overlay: StringProperty()
    overlay_there: StringProperty()


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
    people: CollectionProperty(type=FaceSolvePerson)
    pins: CollectionProperty(type=FaceSolvePin)
    results: CollectionProperty(type=FaceSolveFrameResult)
    last_result: StringProperty()
    runs: CollectionProperty(type=FaceSolveRun)
    found_jaw: StringProperty()
    found_owner: PointerProperty(type=Object)
    found_bone: StringProperty()
    written: StringProperty()
    takes: CollectionProperty(type=FaceSolveTake)
    take: StringProperty()
    other_take: StringProperty()
    take_index: IntProperty()


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
    bad_above: FloatProperty(
        name="Bad Above",
        default=USUAL_BOUND,
        min=0.0,
        soft_max=60.0,
        precision=1,
        description="Frames with a larger error are bad frames to step through. "
        "It is counted in thousandths of the face's size in the plate, so it means the same in any resolution",
    )
    judged: EnumProperty(
        name="Error Of",
        items=(
            ("FACE", "Whole Face", "The mean of mouth, eyes and brows"),
            ("MOUTH", "Mouth", "The lips"),
            ("EYES", "Eyes", "The lids"),
            ("BROWS", "Brows", "The brows"),
            ("OUTLINE", "Outline", "The jaw line and the cheeks"),
        ),
        default="FACE",
        description="Whose error the curve shows, and a frame is bad by",
    )
    people: CollectionProperty(type=FaceSolvePerson)
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
    pins: CollectionProperty(type=FaceSolvePin)
    pin_index: IntProperty(options={"HIDDEN"}, default=-1)
    pin_moves: EnumProperty(
        name="Drag Moves",
        items=(
            ("HEAD", "Head", "The head; from the fourth pin of a frame on its expression too"),
            ("EXPRESSION", "Expression", "The expression alone, as Shift does"),
            ("GROUP", "Active Group", "The shape keys of the active group alone"),
        ),
        default="HEAD",
        description="What follows a pin that is dragged",
    )
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
    found_face: PointerProperty(type=Object)
    found_why: StringProperty(options={"HIDDEN"})  # why it is the face
    found_others: StringProperty(options={"HIDDEN"})  # names of meshes that could be it as well, one a line
    found_jaw: StringProperty(options={"HIDDEN"})
    found_owner: PointerProperty(type=Object)
    found_bone: StringProperty(options={"HIDDEN"})
    # The keys that the solver wrote, with their values: a key that differs is the artist's (scene/record.py).
    written: StringProperty(options={"HIDDEN"})
    # Every solve that is kept, the one that plays, and the one that played before it.
    takes: CollectionProperty(type=FaceSolveTake)
    take: StringProperty(options={"HIDDEN"})
    other_take: StringProperty(options={"HIDDEN"})
    take_index: IntProperty(options={"HIDDEN"})
    # The face that all of this is of, and what belongs to the others.
    actor: PointerProperty(type=Object)
    actors: CollectionProperty(type=FaceSolveActor)


CLASSES = (
    FaceSolveCamera,
    FaceSolveKeyName,
    FaceSolveShapeGroup,
    FaceSolveRange,
    FaceSolveLockedFrame,
    FaceSolvePerson,
    FaceSolvePin,
    FaceSolveFrameResult,
    FaceSolveRun,
    FaceSolveStrength,
    FaceSolveTake,
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
