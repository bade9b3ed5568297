"""The three programs that draw the overlays on the graphics card.

GLSL that OpenGL, Metal and Vulkan take, Blender 3.4 to 5.3.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import Dict, Tuple

import gpu

# Blender sets srgbTarget where the region's buffer takes linear colours, as for its own shaders.
_TO_TARGET = """
vec3 to_target(vec3 color)
{
  if (!srgbTarget) { return color; }
  vec3 curved = pow((max(color, vec3(0.0)) + 0.055) / 1.055, vec3(2.4));
  return mix(color / 12.92, curved, step(vec3(0.04045), color));
}
"""

# Surface and wires of the head, premultiplied and display-referred, into a picture of its own.
_HEAD_VERTEX = """
void main()
{
  gl_Position = to_clip * vec4(pos, 1.0);
  lit = normal;
}
"""
_HEAD_FRAGMENT = """
void main()
{
  float facing = 0.5 + 0.5 * dot(normalize(lit), light.xyz);
  vec3 shaded = color.rgb * mix(1.0, facing * facing * 1.1, light.w);
  fragColor = vec4(min(shaded, vec3(1.0)) * color.a, color.a);
}
"""

# A premultiplied, display-referred picture over the region, on the right of a line.
_PICTURE_VERTEX = """
void main()
{
  gl_Position = vec4(pos * place.xy + place.zw, 0.0, 1.0);
  at = uv;
  across = gl_Position.x;
}
"""
# Written out, as what a texture does between its pixels differs between versions; half-way between four it is their
# mean.
_PICTURE_FRAGMENT = """
vec4 pixel(ivec2 where)
{
  return texelFetch(image, clamp(where, ivec2(0), textureSize(image, 0) - 1), 0);
}
void main()
{
  vec2 where = at * vec2(textureSize(image, 0)) - 0.5;
  ivec2 low = ivec2(floor(where));
  vec2 part = where - floor(where);
  vec4 below = mix(pixel(low), pixel(low + ivec2(1, 0)), part.x);
  vec4 above = mix(pixel(low + ivec2(0, 1)), pixel(low + ivec2(1, 1)), part.x);
  vec4 found = mix(below, above, part.y);
  vec3 display = found.rgb / max(found.a, 1e-4);
  float alpha = found.a * opacity * step(left, across);
  fragColor = vec4(to_target(display) * alpha, alpha);
}
"""

# Dots, rings and lines: what is between the inner and the outer radius of the mark's middle, with soft edges.
_MARKS_VERTEX = """
void main()
{
  gl_Position = vec4(pos * place.xy + place.zw + away * pixel, 0.0, 1.0);
  off = away;
  radii = shape;
  tint = color;
}
"""
_MARKS_FRAGMENT = """
void main()
{
  float far = length(off);
  float cover = clamp(radii.x + 0.5 - far, 0.0, 1.0) * clamp(far - radii.y + 0.5, 0.0, 1.0);
  float alpha = tint.a * cover;
  fragColor = vec4(to_target(tint.rgb) * alpha, alpha);
}
"""

_Declared = Tuple[Tuple[str, str], ...]


def _program(
    name: str,
    vertex: str,
    fragment: str,
    attributes: _Declared,
    between: _Declared,
    constants: _Declared,
    image: str = "",
) -> gpu.types.GPUShader:
    passed = gpu.types.GPUStageInterfaceInfo(f"face_solve_{name}")
    for kind, label in between:
        passed.smooth(kind, label)
    info = gpu.types.GPUShaderCreateInfo()
    for slot, (kind, label) in enumerate(attributes):
        info.vertex_in(slot, kind, label)
    info.vertex_out(passed)
    for kind, label in constants:
        info.push_constant(kind, label)
    if image:
        info.sampler(0, "FLOAT_2D", image)
    info.fragment_out(0, "VEC4", "fragColor")
    info.vertex_source(vertex)
    info.fragment_source(fragment)
    return gpu.shader.create_from_info(info)


@lru_cache(maxsize=None)
def programs() -> Dict[str, gpu.types.GPUShader]:
    """`head`, `picture` and `marks`, compiled once; only while something is drawn."""
    return {
        "head": _program(
            "head",
            _HEAD_VERTEX,
            _HEAD_FRAGMENT,
            (("VEC3", "pos"), ("VEC3", "normal")),
            (("VEC3", "lit"),),
            (("MAT4", "to_clip"), ("VEC4", "light"), ("VEC4", "color")),
        ),
        "picture": _program(
            "picture",
            _PICTURE_VERTEX,
            _TO_TARGET + _PICTURE_FRAGMENT,
            (("VEC2", "pos"), ("VEC2", "uv")),
            (("VEC2", "at"), ("FLOAT", "across")),
            (("VEC4", "place"), ("FLOAT", "left"), ("FLOAT", "opacity"), ("BOOL", "srgbTarget")),
            "image",
        ),
        "marks": _program(
            "marks",
            _MARKS_VERTEX,
            _TO_TARGET + _MARKS_FRAGMENT,
            (("VEC2", "pos"), ("VEC2", "away"), ("VEC2", "shape"), ("VEC4", "color")),
            (("VEC2", "off"), ("VEC2", "radii"), ("VEC4", "tint")),
            (("VEC4", "place"), ("VEC2", "pixel"), ("BOOL", "srgbTarget")),
        ),
    }


def batch(
    kind: str,
    program: gpu.types.GPUShader,
    attributes: Dict[str, memoryview],
    corners: memoryview,
) -> gpu.types.GPUBatch:
    """Geometry on the graphics card.

    Args:
        kind: `TRIS` or `LINES`.
        program: that will draw it.
        attributes: [n,c] float32 each, by name.
        corners: [t,3] or [e,2] uint32.
    """
    return gpu.types.GPUBatch(
        type=kind, buf=vertices(program, attributes), elem=gpu.types.GPUIndexBuf(type=kind, seq=corners)
    )


def grid(values: array, columns: int, code: str = "f") -> memoryview:
    """The same memory as rows of float32 (`f`) or uint32 (`I`), which is how the graphics card takes it."""
    shape: Tuple[int, int] = (len(values) // columns, columns)
    return memoryview(values).cast("B").cast(code, shape)


def vertices(program: gpu.types.GPUShader, attributes: Dict[str, memoryview]) -> gpu.types.GPUVertBuf:
    """The attributes on the graphics card."""
    buffer = gpu.types.GPUVertBuf(program.format_calc(), len(next(iter(attributes.values()))))
    for name, values in attributes.items():
        buffer.attr_fill(name, values)
    return buffer
