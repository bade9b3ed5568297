"""Pins: places of the head that the artist drags to where they are in the plate."""

from __future__ import annotations

from typing import Optional, Set

import bpy
from bpy.props import BoolProperty, FloatProperty, FloatVectorProperty, IntProperty, IntVectorProperty, StringProperty

from .. import protocol
from ..overlay import pin_handles
from ..overlay.view import View, camera_of, view_of
from ..problem import FaceSolveProblem
from ..runs import drag
from ..scene import pins
from ..scene.rig.mesh import check_face
from ..scene.rig.surface import place_under
from .base import reports_problems

REACH = 9.0  # pixels of the screen at an interface scale of 1, around a handle that is grabbed
TICK_SECONDS = 0.01


def _what_moves(settings: bpy.types.PropertyGroup) -> object:
    """What a drag may change, as the solver is told."""
    if settings.pin_moves == "EXPRESSION":
        return protocol.EXPRESSION
    if settings.pin_moves == "GROUP":
        groups = settings.shape_groups
        if not 0 <= settings.shape_group_index < len(groups):
            raise FaceSolveProblem("No group of shape keys is active.", "Choose one in the Shape Keys panel.")
        return [groups[settings.shape_group_index].name]
    return protocol.HEAD


def _following(context: bpy.types.Context, *, follow: bool) -> Optional[drag.Drag]:
    """A drag of the current frame, begun before a pin is touched: what cannot follow changes nothing."""
    return drag.Drag(context, _what_moves(context.scene.face_solve)) if follow else None


def _follow(following: Optional[drag.Drag]) -> None:
    """Let the head follow the pins as they are now, and key it."""
    if following is not None:
        following.ask()
        following.wait()
        following.keep()


class FACE_SOLVE_OT_add_pin(bpy.types.Operator):
    """Pin a place of the mesh to a place of the plate at the current frame."""

    bl_idname = "face_solve.add_pin"
    bl_label = "Add Pin"
    bl_options = {"REGISTER", "UNDO"}

    vertices: IntVectorProperty(
        name="Vertices",
        size=3,
        description="The corners of the mesh that it lies between; three times the same for one",
    )
    barycentric: FloatVectorProperty(
        name="Barycentric", size=3, default=(1.0, 0.0, 0.0), description="How near it lies to each of the corners"
    )
    place: FloatVectorProperty(
        name="Place", size=2, description="Pixels of the plate from its upper left corner; they may have fractions"
    )
    camera: StringProperty(name="Camera", description="Whose plate; empty for the scene's camera")
    strength: FloatProperty(name="Strength", default=1.0, min=0.0, max=100.0, description="How firmly a solve holds it")
    follow: BoolProperty(name="Head Follows", default=True, description="Let the head follow now, and key it")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Put it there."""
        settings, frame = context.scene.face_solve, context.scene.frame_current
        check_face(settings)
        camera = pins.pin_camera(settings, self.camera, frame)
        following = _following(context, follow=self.follow)
        index = pins.add_pin(settings, frame, camera, self.vertices, self.barycentric, self.place)
        settings.pins[index].strength = self.strength
        _follow(following)
        return {"FINISHED"}


class FACE_SOLVE_OT_move_pin(bpy.types.Operator):
    """Move a pin of the current frame to another place of the plate."""

    bl_idname = "face_solve.move_pin"
    bl_label = "Move Pin"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Pin", default=-1, min=-1, description="Below zero the one that was touched last")
    place: FloatVectorProperty(name="Place", size=2, description="Pixels of the plate from its upper left corner")
    follow: BoolProperty(name="Head Follows", default=True, description="Let the head follow now, and key it")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Move it."""
        settings = context.scene.face_solve
        pin = pins.chosen_pin(settings, self.index)
        following = _following(context, follow=self.follow and pin.frame == context.scene.frame_current)
        pin.place = pins.inside(self.place, pin.size)
        _follow(following)
        return {"FINISHED"}


class FACE_SOLVE_OT_delete_pin(bpy.types.Operator):
    """Take a pin away; the head stays where it is."""

    bl_idname = "face_solve.delete_pin"
    bl_label = "Delete Pin"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Pin", default=-1, min=-1, description="Below zero the one that was touched last")
    all: BoolProperty(name="All of the Frame", description="Every pin of the current frame")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Delete it."""
        settings = context.scene.face_solve
        if self.all:
            pins.delete_pins(settings, pins.pins_at(settings, context.scene.frame_current))
            return {"FINISHED"}
        pins.chosen_pin(settings, self.index)
        pins.delete_pins(settings, [settings.pin_index if self.index < 0 else self.index])
        return {"FINISHED"}


class FACE_SOLVE_OT_copy_pins(bpy.types.Operator):
    """Copy the current frame's pins to the next frame, and go there to drag them on."""

    bl_idname = "face_solve.copy_pins"
    bl_label = "Copy Pins to Next Frame"
    bl_options = {"REGISTER", "UNDO"}

    offset: IntProperty(name="Frames On", default=1, description="How many frames later; below zero for earlier ones")

    @reports_problems
    def execute(self, context: bpy.types.Context) -> Set[str]:
        """Copy them."""
        scene = context.scene
        target = scene.frame_current + self.offset
        count = pins.copy_pins(scene.face_solve, scene.frame_current, target)
        scene.frame_set(target)
        self.report({"INFO"}, f"{count} pin{'' if count == 1 else 's'} copied to frame {target}.")
        return {"FINISHED"}


class FACE_SOLVE_OT_pin(bpy.types.Operator):
    """Click on the head in the camera's view to pin that place, and drag it to where it is in the plate."""

    bl_idname = "face_solve.pin"
    bl_label = "Pin"
    bl_description = (
        "Click on the head in the camera's view to pin that place, and drag it to where it is in the plate. "
        "Shift moves the expression alone; X deletes the pin under the mouse, C copies the frame's pins to the next. "
        "Esc ends"
    )
    bl_options = {"INTERNAL"}

    _drag: Optional[drag.Drag] = None
    _index = -1

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where there is a plate to look at."""
        return camera_of(context) is not None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> Set[str]:
        """Warm the solver and listen to the mouse; called again, end."""
        if pin_handles.active():
            pin_handles.set_active(on=False)
            return {"FINISHED"}
        try:
            drag.ready(context, fresh=True)
        except FaceSolveProblem as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        self._area, self._drag = context.area, None
        pin_handles.set_active(on=True)
        self._timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set(
            "Pins: click and drag | Shift: expression | X: delete | C: copy on | Esc: end"
        )
        self._area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        """Drag while the button is down; whatever is not about pins passes through to Blender."""
        try:
            return self._dragging(context, event) if self._drag is not None else self._idle(context, event)
        except FaceSolveProblem as problem:
            self.report({"ERROR"}, str(problem))
            self._let_go(put_back=True)
            return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """The file, its window or the add-on is closed."""
        self._end(context)

    def _dragging(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        following = self._drag
        assert following is not None
        if context.scene.name != following.scene or context.scene.frame_current != following.frame:
            self._let_go(put_back=False)  # the frame was changed under the hand
        elif event.type == "TIMER":
            if following.poll():
                self._area.tag_redraw()
        elif event.type == "MOUSEMOVE":
            place = self._place(context, event)
            if place is not None:
                pin = context.scene.face_solve.pins[self._index]
                pin.place = pins.inside(place, pin.size)
                self._moved = True
                following.ask()
                self._area.tag_redraw()
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            if self._moved:
                following.wait()
                following.keep()
            self._drag = None
            self._area.tag_redraw()
            bpy.ops.ed.undo_push(message="Drag Pin" if self._moved else "Add Pin")
        elif event.type in {"ESC", "RIGHTMOUSE"} or (event.type == "Z" and event.value == "PRESS"):
            self._let_go(put_back=True)  # an undo in the middle takes the drag back, and nothing else
        return {"RUNNING_MODAL"}

    def _idle(self, context: bpy.types.Context, event: bpy.types.Event) -> Set[str]:
        if not pin_handles.active() or (event.type == "ESC" and event.value == "PRESS" and self._over(event)):
            self._end(context)
            return {"FINISHED"}
        if event.value != "PRESS" or event.type not in {"LEFTMOUSE", "X", "DEL", "C"} or not self._over(event):
            return {"PASS_THROUGH"}
        place = self._place(context, event)
        if place is None or event.ctrl or event.alt:
            return {"PASS_THROUGH"}
        if event.type == "LEFTMOUSE":
            return self._press(context, event, place)
        settings, frame = context.scene.face_solve, context.scene.frame_current
        if event.type == "C":
            with context.temp_override(area=self._area, region=self._region()):
                bpy.ops.face_solve.copy_pins("EXEC_DEFAULT", True)
            return {"RUNNING_MODAL"}
        found = self._grabbed(context, place)
        if found is None:
            return {"PASS_THROUGH"}
        pins.delete_pins(settings, [found])
        self._area.tag_redraw()
        bpy.ops.ed.undo_push(message=f"Delete Pin at {frame}")
        return {"RUNNING_MODAL"}

    def _press(self, context: bpy.types.Context, event: bpy.types.Event, place: pin_handles.Point) -> Set[str]:
        """Grab the handle under the mouse, or put a pin on the head there; elsewhere the click is Blender's."""
        settings, frame = context.scene.face_solve, context.scene.frame_current
        index = self._grabbed(context, place)
        self._before, under = None if index is None else tuple(settings.pins[index].place), None
        if index is None:
            view = self._view(context)
            region = self._region()
            at = (event.mouse_x - region.x, event.mouse_y - region.y)
            under = place_under(settings.face, view.graph, view.window, view.to_camera, view.size, at)
            if under is None:
                return {"PASS_THROUGH"}
            camera = pins.pin_camera(settings, view.camera.name, frame)
        following = drag.Drag(context, protocol.EXPRESSION if event.shift else _what_moves(settings))
        if under is not None:
            index = pins.add_pin(settings, frame, camera, *under, place)
        settings.pin_index = self._index = index
        self._moved = False
        self._drag = following
        self._area.tag_redraw()
        return {"RUNNING_MODAL"}

    def _let_go(self, *, put_back: bool) -> None:
        """End the drag; put back, pin and head are as they were when it began."""
        following, self._drag = self._drag, None
        if following is None:
            return
        scene = bpy.data.scenes.get(following.scene)
        if put_back and scene is not None:
            following.put_back()
            settings = scene.face_solve
            if self._before is None:
                pins.delete_pins(settings, [self._index])
            else:
                settings.pins[self._index].place = self._before
        self._area.tag_redraw()

    def _grabbed(self, context: bpy.types.Context, place: pin_handles.Point) -> Optional[int]:
        view = self._view(context)
        size = pins.size_of(view.camera, context.scene.frame_current)
        reach = REACH * view.scale / max(abs(view.plate(size).x_unit), 1e-9)
        return pins.nearest(context.scene.face_solve, context.scene.frame_current, view.camera, place, reach)

    def _place(self, context: bpy.types.Context, event: bpy.types.Event) -> Optional[pin_handles.Point]:
        """The plate's pixel under the mouse; None where the viewport shows no plate."""
        view = self._view(context)
        if view is None:
            return None
        place = view.plate(pins.size_of(view.camera, context.scene.frame_current))
        region = self._region()
        if place is None:
            return None
        return (event.mouse_x - region.x - place.x) / place.x_unit, (event.mouse_y - region.y - place.y) / place.y_unit

    def _view(self, context: bpy.types.Context) -> Optional[View]:
        with context.temp_override(area=self._area, region=self._region()):
            return view_of(bpy.context)

    def _region(self) -> bpy.types.Region:
        return next(one for one in self._area.regions if one.type == "WINDOW")

    def _over(self, event: bpy.types.Event) -> bool:
        """Whether the mouse is over the viewport, and not over its sidebar or another editor."""

        def holds(region: bpy.types.Region) -> bool:
            return 0 <= event.mouse_x - region.x < region.width and 0 <= event.mouse_y - region.y < region.height

        others = [one for one in self._area.regions if one.type not in {"WINDOW", "HEADER", "TOOL_HEADER"}]
        return holds(self._region()) and not any(one.width > 1 and holds(one) for one in others)

    def _end(self, context: bpy.types.Context) -> None:
        self._let_go(put_back=True)
        pin_handles.set_active(on=False)
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        self._area.tag_redraw()


CLASSES = (
    FACE_SOLVE_OT_add_pin,
    FACE_SOLVE_OT_move_pin,
    FACE_SOLVE_OT_delete_pin,
    FACE_SOLVE_OT_copy_pins,
    FACE_SOLVE_OT_pin,
)
