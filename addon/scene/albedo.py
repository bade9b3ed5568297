"""Reads the skin's colour from the material: a colour attribute, an image texture, or the plain base colour."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Optional, Sequence, Tuple, Union

import bpy

from .npz import Array


@dataclass
class Albedo:
    """Arrays for rig.npz (`colors`, `uv`) and the texture's path; all empty where the rig has no colour of its own."""

    arrays: Dict[str, Array] = field(default_factory=dict)
    texture: Optional[str] = None


def read_albedo(face: bpy.types.Object, folder: Path) -> Albedo:
    """The face's albedo, linear. Packed textures are saved into `folder`."""
    mesh = face.data
    materials = [slot.material for slot in face.material_slots]
    if not any(materials):
        attribute = mesh.color_attributes.active_color if mesh.color_attributes else None
        return Albedo({"colors": _attribute_colors(mesh, attribute)} if attribute else {})
    sources = [_base_color(material) for material in materials]
    used = array("i", bytes(4 * len(mesh.polygons)))
    mesh.polygons.foreach_get("material_index", used)
    counts = {index: used.count(index) for index in set(used)}
    # The material that covers most of the face decides where a texture or an attribute comes from.
    main = sources[min(max(counts, key=counts.get), len(sources) - 1)]
    if isinstance(main, bpy.types.Image):
        return _textured(mesh, main, folder)
    if isinstance(main, str):
        attribute = mesh.color_attributes.get(main) if main else mesh.color_attributes.active_color
        if attribute is not None:
            return Albedo({"colors": _attribute_colors(mesh, attribute)})
    plain = [source if isinstance(source, tuple) else (0.5, 0.5, 0.5, 1.0) for source in sources]
    return Albedo({"colors": _plain_colors(mesh, plain)})


def _base_color(material: Optional[bpy.types.Material]) -> Union[bpy.types.Image, str, Tuple[float, ...]]:
    """An Image, a colour attribute's name ("" for the active one), or a linear RGBA tuple."""
    if material is None:
        return (0.8, 0.8, 0.8, 1.0)
    tree = material.node_tree if material.use_nodes else None
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None) if tree else None
    if shader is None:
        return tuple(material.diffuse_color)
    socket = shader.inputs["Base Color"]
    if not socket.is_linked:
        return tuple(socket.default_value)
    return _upstream(socket, 0) or tuple(material.diffuse_color)


def _upstream(socket: bpy.types.NodeSocket, depth: int) -> Union[bpy.types.Image, str, None]:
    """The first image or colour attribute that feeds a socket, through mixes and corrections."""
    if depth > 16:  # a chain this long ends in nothing that could be named the base colour
        return None
    for link in socket.links:
        node = link.from_node
        if node.type == "TEX_IMAGE" and node.image is not None:
            return node.image
        if node.type == "VERTEX_COLOR":
            return node.layer_name
        if node.type == "ATTRIBUTE":
            return node.attribute_name
        for upstream in node.inputs:
            found = _upstream(upstream, depth + 1)
            if found is not None:
                return found
    return None


def _attribute_colors(mesh: bpy.types.Mesh, attribute: bpy.types.Attribute) -> Array:
    """Linear RGBA per vertex; corners are averaged. `color` is linear whatever the attribute's storage."""
    flat = array("f", bytes(16 * len(attribute.data)))
    attribute.data.foreach_get("color", flat)
    if attribute.domain == "POINT":
        return Array(flat, (len(mesh.vertices), 4))
    corners = array("i", bytes(4 * len(mesh.loops)))
    mesh.loops.foreach_get("vertex_index", corners)
    return _averaged(mesh, corners, (flat[4 * i : 4 * i + 4] for i in range(len(corners))))


def _plain_colors(mesh: bpy.types.Mesh, plain: Sequence[Sequence[float]]) -> Array:
    corners, colors = array("i"), []
    for polygon in mesh.polygons:
        color = plain[min(polygon.material_index, len(plain) - 1)]
        for vertex in polygon.vertices:
            corners.append(vertex)
            colors.append(color)
    return _averaged(mesh, corners, colors)


def _averaged(mesh: bpy.types.Mesh, corners: array[int], colors: Iterable[Sequence[float]]) -> Array:
    total = array("d", bytes(32 * len(mesh.vertices)))
    seen = array("i", bytes(4 * len(mesh.vertices)))
    for vertex, color in zip(corners, colors, strict=True):
        seen[vertex] += 1
        for channel in range(4):
            total[4 * vertex + channel] += color[channel]
    values = array("f", (total[i] / seen[i // 4] if seen[i // 4] else 0.5 for i in range(len(total))))
    return Array(values, (len(mesh.vertices), 4))


def _textured(mesh: bpy.types.Mesh, image: bpy.types.Image, folder: Path) -> Albedo:
    layer = next((one for one in mesh.uv_layers if one.active_render), None)
    if layer is None:
        return Albedo()
    if image.packed_file is not None or image.source == "GENERATED":
        path = folder / "albedo.png"
        image.save_render(str(path)) if image.is_float else _save_copy(image, path)
    else:
        path = Path(bpy.path.abspath(image.filepath, library=image.library))
    coordinates = array("f", bytes(8 * len(mesh.loops)))
    layer.data.foreach_get("uv", coordinates)
    loops = array("i", bytes(12 * len(mesh.loop_triangles)))
    mesh.loop_triangles.foreach_get("loops", loops)
    corners = array("f")
    for loop in loops:
        corners.extend(coordinates[2 * loop : 2 * loop + 2])
    return Albedo({"uv": Array(corners, (len(mesh.loop_triangles), 3, 2))}, str(path))


def _save_copy(image: bpy.types.Image, path: Path) -> None:
    """Write an image's pixels without touching the image's own path."""
    copy = image.copy()
    try:
        copy.filepath_raw, copy.file_format = str(path), "PNG"
        copy.save()
    finally:
        bpy.data.images.remove(copy)
