"""Reads the skin's colour from the materials: colour attributes, image textures, or plain base colours."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import bpy

from ...pieces import Pieces
from ..shot.npz import Array
from .mesh import PIECE

_DEEP = 16  # a chain of nodes this long ends in nothing that could be named the base colour
GREY = (0.5, 0.5, 0.5, 1.0)  # where nothing is known


@dataclass
class Albedo:
    """Arrays for rig.npz (`colors`, `uv`, `texture`) and shot.json's textures.

    All empty where the mesh has no colour of its own.
    """

    arrays: Dict[str, Array] = field(default_factory=dict)
    textures: List[Dict[str, str]] = field(default_factory=list)
    warnings: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Picture:
    """A material's base colour that is an image: the node, and the UV map that it is laid by ("" for the render's)."""

    node: bpy.types.ShaderNodeTexImage
    layer: str
    moved: bool  # by nodes between the UV map and the image, which the solver does not follow


Source = Union[_Picture, str, Tuple[float, ...]]  # an image, a colour attribute's name, or linear RGBA


def read_albedo(face: bpy.types.Object, folder: Path, *, mirrored: bool = False) -> Pieces[Albedo]:
    """A mesh's albedo, linear.

    Args:
        face: the mesh's object.
        folder: where images go that are no files, or have changed since.
        mirrored: the rig's triangles run the other way round than the mesh's.
    """
    mesh = face.data
    materials = [slot.material for slot in face.material_slots]
    if not any(materials):
        attribute = mesh.color_attributes.active_color if mesh.color_attributes else None
        return Albedo({"colors": (yield from _colors(mesh, [attribute.name]))} if attribute else {})
    albedo = Albedo()
    sources = [_base_color(material, albedo.warnings) for material in materials]
    albedo.arrays["colors"] = yield from _colors(mesh, sources)
    yield from _add_textures(albedo, face, sources, folder, (1, 0, 2) if mirrored else (0, 1, 2))
    return albedo


def joined(albedo: Albedo, count: int, triangles: int, other: Albedo, more: int, more_triangles: int) -> Albedo:
    """The albedo of two meshes, one behind the other, of `count` and `more` vertices and so many triangles."""
    if not (albedo.arrays or other.arrays):
        return albedo
    colors = array("f")
    for part, size in ((albedo, count), (other, more)):
        colors += part.arrays["colors"].values if "colors" in part.arrays else array("f", GREY * size)
    arrays = {"colors": Array(colors, (count + more, 4))}
    if albedo.textures or other.textures:
        uv, texture = array("f"), array("i")
        for part, size, first in ((albedo, triangles, 0), (other, more_triangles, len(albedo.textures))):
            if part.textures:
                uv += part.arrays["uv"].values
                texture.extend(index + first if index >= 0 else -1 for index in part.arrays["texture"].values)
            else:
                uv += array("f", [float("nan")]) * (6 * size)
                texture += array("i", [-1]) * size
        arrays["uv"] = Array(uv, (triangles + more_triangles, 3, 2))
        arrays["texture"] = Array(texture, (triangles + more_triangles,))
    return Albedo(arrays, albedo.textures + other.textures, albedo.warnings + other.warnings)


def _base_color(material: Optional[bpy.types.Material], warnings: List[str]) -> Source:
    if material is None:
        return (0.8, 0.8, 0.8, 1.0)
    shader = _principled(material.node_tree, 0) if material.use_nodes and material.node_tree else None
    socket = shader.inputs["Base Color"] if shader is not None else None
    if socket is not None and not socket.is_linked:
        return tuple(socket.default_value)
    found = _upstream(socket, 0) if socket is not None else None
    if found is not None:
        return found
    if material.use_nodes:
        warnings.append(
            f"The base colour of the material {material.name} comes from nodes that are not followed: "
            "its viewport colour is used."
        )
    return tuple(material.diffuse_color)


def _principled(tree: bpy.types.NodeTree, depth: int) -> Optional[bpy.types.ShaderNode]:
    """The first Principled shader of a tree, or of the groups in it."""
    found = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    groups = [node.node_tree for node in tree.nodes if _is_group(node)]
    for group in groups if found is None and depth < _DEEP else ():
        found = found or _principled(group, depth + 1)
    return found


def _upstream(socket: bpy.types.NodeSocket, depth: int) -> Union[_Picture, str, None]:
    """The first image or colour attribute that feeds a socket, through groups, mixes and corrections."""
    if depth > _DEEP:
        return None
    for link in socket.links:
        node = link.from_node
        if node.type == "TEX_IMAGE" and node.image is not None:
            return _Picture(node, *_laid_by(node))
        if node.type == "VERTEX_COLOR":
            return node.layer_name
        if node.type == "ATTRIBUTE":
            return node.attribute_name
        inside = [one for one in node.node_tree.nodes if one.type == "GROUP_OUTPUT"] if _is_group(node) else []
        ends = [end for one in inside for end in one.inputs if end.identifier == link.from_socket.identifier]
        for upstream in (*ends, *node.inputs):
            found = _upstream(upstream, depth + 1)
            if found is not None:
                return found
    return None


def _is_group(node: bpy.types.Node) -> bool:
    return node.type == "GROUP" and node.node_tree is not None


def _laid_by(node: bpy.types.ShaderNodeTexImage) -> Tuple[str, bool]:
    """The UV map of an image node, and whether it is moved on the way."""
    moved, link = node.projection != "FLAT", next(iter(node.inputs["Vector"].links), None)
    while link is not None:
        before = link.from_node
        if before.type == "UVMAP":
            return before.uv_map, moved
        if before.type == "ATTRIBUTE":
            return before.attribute_name, moved
        if before.type == "TEX_COORD":
            return "", moved or link.from_socket.name != "UV"
        moved = moved or before.type != "REROUTE"
        link = next((one for socket in before.inputs for one in socket.links), None)
    return "", moved


def _colors(mesh: bpy.types.Mesh, sources: Sequence[Source]) -> Pieces[Array]:
    """Linear RGBA per vertex [V,4], averaged over corners.

    It comes from the materials' attributes and plain colours, and is grey under images.
    """
    attributes: Dict[str, Optional[array[float]]] = {}
    for source in sources:
        if isinstance(source, str) and source not in attributes:
            attributes[source] = yield from _corner_colors(mesh, source)
    count = len(mesh.vertices)
    total, seen = array("d", bytes(32 * count)), array("i", bytes(4 * count))
    for first in range(0, len(mesh.polygons), PIECE):
        yield
        for polygon in mesh.polygons[first : first + PIECE]:
            source = sources[min(polygon.material_index, len(sources) - 1)]
            flat = attributes.get(source) if isinstance(source, str) else None
            plain = source if isinstance(source, tuple) else GREY
            for corner, vertex in zip(polygon.loop_indices, polygon.vertices, strict=True):
                seen[vertex] += 1
                color = flat[4 * corner : 4 * corner + 4] if flat else plain
                for channel in range(4):
                    total[4 * vertex + channel] += color[channel]
    values = array("f")
    for first in range(0, count, PIECE):
        yield
        for vertex in range(first, min(first + PIECE, count)):
            times = seen[vertex]
            values.extend(one / times for one in total[4 * vertex : 4 * vertex + 4]) if times else values.extend(GREY)
    return Array(values, (count, 4))


def _corner_colors(mesh: bpy.types.Mesh, name: str) -> Pieces[Optional[array[float]]]:
    """Linear RGBA per face corner of a colour attribute ("" is the active one); None where there is none."""
    attribute = mesh.color_attributes.get(name) if name else mesh.color_attributes.active_color
    if attribute is None:
        return None
    flat = array("f", bytes(16 * len(attribute.data)))
    attribute.data.foreach_get("color", flat)  # linear whatever the attribute's storage
    if attribute.domain != "POINT":
        return flat
    corners = array("i", bytes(4 * len(mesh.loops)))
    mesh.loops.foreach_get("vertex_index", corners)
    spread = array("f")
    for first in range(0, len(corners), 4 * PIECE):
        yield
        for vertex in corners[first : first + 4 * PIECE]:
            spread.extend(flat[4 * vertex : 4 * vertex + 4])
    return spread


def _add_textures(
    albedo: Albedo, face: bpy.types.Object, sources: Sequence[Source], folder: Path, order: Sequence[int]
) -> Pieces[None]:
    """Lay the materials' images on the triangles; what cannot be laid is said and stays grey."""
    mesh = face.data
    placed: Dict[int, Tuple[int, array[float]]] = {}  # material slot: index of its texture, UV of every corner
    for slot, source in enumerate(sources):
        yield
        if isinstance(source, _Picture):
            layer = _uv_layer(mesh, source.layer)
            texture = _file(source, folder)
            if layer is None:
                wanted = f"UV map {source.layer}" if source.layer else "UV map"
                albedo.warnings.append(
                    f"{face.name} has no {wanted} for its texture {source.node.image.name}: "
                    "its colour there is taken as grey."
                )
            elif texture is None:
                albedo.warnings.append(
                    f"The texture {source.node.image.name} of {face.name} has no file: "
                    "its colour there is taken as grey."
                )
            else:
                if source.moved:
                    albedo.warnings.append(
                        f"Nodes move the texture {source.node.image.name} of {face.name}: "
                        "the solver lays it as the UV map says."
                    )
                coordinates = array("f", bytes(8 * len(mesh.loops)))
                layer.data.foreach_get("uv", coordinates)
                placed[slot] = (len(albedo.textures), coordinates)
                albedo.textures.append(texture)
    if not placed:
        return
    uv, index = array("f"), array("i")
    for first in range(0, len(mesh.loop_triangles), PIECE):
        yield
        for triangle in mesh.loop_triangles[first : first + PIECE]:
            which, coordinates = placed.get(min(triangle.material_index, len(sources) - 1), (-1, None))
            index.append(which)
            for loop in (triangle.loops[corner] for corner in order):
                uv.extend(coordinates[2 * loop : 2 * loop + 2] if coordinates else (float("nan"), float("nan")))
    albedo.arrays["uv"] = Array(uv, (len(index), 3, 2))
    albedo.arrays["texture"] = Array(index, (len(index),))


def _uv_layer(mesh: bpy.types.Mesh, name: str) -> Optional[bpy.types.MeshUVLoopLayer]:
    return mesh.uv_layers.get(name) if name else next((one for one in mesh.uv_layers if one.active_render), None)


def _file(source: _Picture, folder: Path) -> Optional[Dict[str, str]]:
    """The image as an entry of shot.json's textures; None where nothing can be read."""
    image = source.node.image
    colorspace = image.colorspace_settings.name
    path = Path(bpy.path.abspath(image.filepath, library=image.library)) if image.filepath else None
    stem = f"albedo_{bpy.data.images.find(image.name)}"
    if image.source == "TILED":
        if image.packed_file is not None or path is None:
            return None
    elif image.source == "GENERATED" or image.is_dirty:
        path = folder / f"{stem}.{'exr' if image.is_float else 'png'}"
        if not _save_pixels(image, path):
            return None
        if image.is_float:  # its pixels are scene-linear already
            colorspace = "Linear Rec.709"
    elif image.packed_file is not None:
        path = folder / f"{stem}{Path(image.filepath).suffix or '.png'}"
        path.write_bytes(image.packed_file.data)
    if path is None:
        return None
    return {"path": str(path), "colorspace": colorspace, "extension": source.node.extension.lower()}


def _save_pixels(image: bpy.types.Image, path: Path) -> bool:
    """Write an image's pixels as they are in memory; the image stays as it is."""
    width, height = image.size
    if not (width and height):
        return False
    pixels = array("f", bytes(16 * width * height))
    image.pixels.foreach_get(pixels)
    copy = bpy.data.images.new(path.name, width, height, alpha=True, float_buffer=image.is_float)
    try:
        if image.is_float:
            copy.colorspace_settings.name = "Non-Color"  # written as they are
        copy.pixels.foreach_set(pixels)
        copy.filepath_raw, copy.file_format = str(path), "OPEN_EXR" if image.is_float else "PNG"
        copy.save()
    finally:
        bpy.data.images.remove(copy)
    return True
