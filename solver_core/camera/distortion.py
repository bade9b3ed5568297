"""Lens distortion as Blender's movie clips have it.

It takes undistorted plate pixels to those of the filmed plate, with derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solver_core.common.arrays import Bools, Floats

COEFFICIENTS = {
    "POLYNOMIAL": ("k1", "k2", "k3"),
    "DIVISION": ("k1", "k2"),
    "NUKE": ("k1", "k2"),
    "BROWN": ("k1", "k2", "k3", "k4", "p1", "p2"),
}
NEWTON_STEPS = 30
CLOSE = 1e-10  # of the normalised radius


@dataclass(frozen=True)
class Distortion:
    """A lens. `(u - principal) / unit`, with y upwards, is the point that the model's formula bends.

    POLYNOMIAL and BROWN multiply the undistorted point by a polynomial of its squared radius (BROWN adds a tangential
    part), DIVISION divides it by one, and NUKE divides the *distorted* point by one to have the undistorted. Where a
    formula folds back over itself, a point has no image: NaN.
    """

    model: str
    coefficients: tuple[float, ...]  # in the order of COEFFICIENTS
    principal: tuple[float, float]  # plate pixels, origin at the top left corner
    unit: tuple[float, float]  # plate pixels, across and down, that have length 1 in the formula

    def __call__(self, pixels: Floats) -> Floats:  # [...,2] where a lens without distortion would show the points
        """[...,2] where this lens shows them, plate pixels; NaN where it does not."""
        return self._bend(pixels)[0]

    def derivative(self, pixels: Floats) -> Floats:  # [...,2]
        """[...,2,2] derivative of the distorted pixel by the undistorted one; NaN where there is no image."""
        return self._bend(pixels)[1]

    def _bend(self, pixels: Floats) -> tuple[Floats, Floats]:
        axes = np.array([self.unit[0], -self.unit[1]])
        point = (pixels - np.asarray(self.principal)) / axes
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            bent, slope = _nuke(point, self.coefficients) if self.model == "NUKE" else self._closed(point)
        return np.asarray(self.principal) + bent * axes, slope * (axes[:, None] / axes[None, :])

    def _closed(self, point: Floats) -> tuple[Floats, Floats]:
        squared = (point**2).sum(-1)
        tangential = np.zeros(2)
        if self.model == "BROWN":
            radial, tangential = (*self.coefficients[:4],), np.array(self.coefficients[4:])
        else:
            radial = self.coefficients
        factor, growth = _polynomial(radial, squared)  # of the squared radius, and its derivative by it
        if self.model == "DIVISION":
            factor, growth = np.where(factor > 0, 1 / factor, np.nan), -growth / factor**2
        # Where the radius seen falls while the true one grows, the picture has folded over.
        factor = np.where(_monotone(radial, squared, divides=self.model == "DIVISION"), factor, np.nan)
        across = point @ tangential
        bent = point * factor[..., None] + tangential * squared[..., None] + 2 * point * across[..., None]
        outer = point[..., :, None] * point[..., None, :]
        slope = (factor + 2 * across)[..., None, None] * np.eye(2) + 2 * growth[..., None, None] * outer
        slope = slope + 2 * (tangential[:, None] * point[..., None, :] + point[..., :, None] * tangential[None, :])
        return bent, slope


def _polynomial(coefficients: tuple[float, ...], squared: Floats) -> tuple[Floats, Floats]:
    """1 + k1 s + k2 s^2 + ... and its derivative, of the squared radius s."""
    value, slope = np.zeros_like(squared), np.zeros_like(squared)
    for k in reversed((1.0, *coefficients)):
        slope = slope * squared + value
        value = value * squared + k
    return value, slope


def _monotone(coefficients: tuple[float, ...], squared: Floats, *, divides: bool) -> Bools:
    """True up to the radius where the bent radius first stops growing."""
    # d(r q(s))/dr = q + 2 s q'; of r / q(s) it is (q - 2 s q') / q^2.
    sign = -1.0 if divides else 1.0
    polynomial = [(1 + sign * 2 * power) * k for power, k in enumerate((1.0, *coefficients))]
    limit = _first_root(polynomial)
    if divides:  # and never past the pole
        limit = min(limit, _first_root([1.0, *coefficients]))
    return squared < limit


def _first_root(ascending: list[float]) -> float:
    """The smallest positive root of a polynomial, infinite where there is none."""
    roots = np.roots(ascending[::-1])
    real = roots.real[np.abs(roots.imag) <= 1e-9 * np.maximum(1.0, np.abs(roots))]
    return float(min(real[real > 0], default=np.inf))


def _nuke(point: Floats, coefficients: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Solves radius = seen / (1 + k1 seen^2 + k2 seen^4) for the radius seen."""
    radius = np.linalg.norm(point, axis=-1)
    # Without k2 a quadratic: on the near side of the solution for a growing picture, so that Newton's steps stay there.
    seen = 2 * radius / (1 + np.sqrt(np.maximum(1 - 4 * coefficients[0] * radius**2, 0.0)))
    for _ in range(NEWTON_STEPS):
        factor, growth = _polynomial(coefficients, seen**2)
        rate = (factor - 2 * seen**2 * growth) / factor**2
        seen = seen - (seen / factor - radius) / rate
    factor, growth = _polynomial(coefficients, seen**2)
    rate = (factor - 2 * seen**2 * growth) / factor**2
    sound = (np.abs(seen / factor - radius) <= CLOSE * (1 + radius)) & _monotone(coefficients, seen**2, divides=True)
    stretch = np.where(sound & (seen >= 0), factor, np.nan)  # seen / radius, and 1 at the centre
    away = point / np.where(radius > 0, radius, 1.0)[..., None]
    outer = away[..., :, None] * away[..., None, :]
    slope = stretch[..., None, None] * (np.eye(2) - outer) + (1 / rate)[..., None, None] * outer
    slope = np.where((radius > 0)[..., None, None], slope, np.eye(2))
    return point * stretch[..., None], slope
