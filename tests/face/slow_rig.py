"""The slow twins of the fast rig.

One vertex, one point, one column at a time, in double precision, as the formulas are written.
"""

from __future__ import annotations

import numpy as np

from solver_core.face.blendshapes import BlendshapeRig
from solver_core.face.parameters import FreeParameters
from solver_core.face.pose import Pose


def slow_world(rig: BlendshapeRig, pose: Pose, b: int, vertex: int) -> np.ndarray:
    """One vertex as Blender does it (docs/shot_format.md): shape keys, then the weighted bones, then the object."""
    local = rig.neutral[vertex].astype(float)
    for k in range(len(rig.names)):
        local = local + pose.weights[b, k] * rig.deltas[k, vertex].astype(float)
    moved = local
    for name, motion in pose.joints.items():
        joint, whole = rig.joints[name], np.eye(4)
        whole[:3, :3], whole[:3, 3] = motion.rotation[b], motion.translation[b]
        carried = (joint.rest @ whole @ np.linalg.inv(joint.rest) @ [*local, 1])[:3]
        moved = moved + joint.weight[vertex] * (carried - local)
    return pose.rotation[b] @ (rig.scale * moved) + pose.translation[b]


def slow_points(rig: BlendshapeRig, pose: Pose, triangle: np.ndarray, barycentric: np.ndarray) -> np.ndarray:
    """[B,n,3] points between their skinned corners."""
    out = np.zeros((*triangle.shape, 3))
    for b, n in np.ndindex(*triangle.shape):
        for share, vertex in zip(barycentric[b, n], rig.triangles[triangle[b, n]], strict=True):
            out[b, n] += share * slow_world(rig, pose, b, vertex)
    return out


def slow_derivative(
    rig: BlendshapeRig, pose: Pose, free: FreeParameters, places: tuple[np.ndarray, np.ndarray], step: float
) -> np.ndarray:
    """[B,n,3,P] of the points at `places` (triangle, barycentric), by central differences in each column."""
    columns = []
    for column in range(free.size):
        move = np.zeros((len(pose), free.size))
        move[:, column] = step
        ends = [slow_points(rig, free.stepped(pose, sign * move), *places) for sign in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, -1)


def slow_quadratic(energies: list, pose: Pose, free: FreeParameters) -> tuple[np.ndarray, np.ndarray]:
    """[B,P] and [B,P,P]: J'r and J'J, row by row in double precision."""
    index = np.arange(len(pose))
    gradient, hessian = np.zeros((len(pose), free.size)), np.zeros((len(pose), free.size, free.size))
    for energy in energies:
        residual, jacobian = energy.linear(pose, index, free)
        for b in index:
            for r, row in zip(residual[b].astype(float), jacobian[b].astype(float), strict=True):
                gradient[b] += r * row
                hessian[b] += np.outer(row, row)
    return gradient, hessian
