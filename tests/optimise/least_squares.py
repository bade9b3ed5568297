"""Small least-squares problems for the dogleg's tests: residual, Jacobian, start and known minimum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from solver_core.optimise.dogleg import Quadratic


@dataclass
class Functions:
    """Implements optimise.dogleg.Problem for rows of parameters; remembers every trial."""

    residual: object  # [P] -> [M]
    jacobian: object  # [P] -> [M,P]
    low: float | np.ndarray = -np.inf
    high: float | np.ndarray = np.inf
    trials: list = field(default_factory=list)
    steps: list = field(default_factory=list)

    def cost(self, state, index):
        self.trials += [row.copy() for row in state]
        return np.array([(self.residual(row) ** 2).sum() for row in state])

    def quadratic(self, state, index):
        r, j = [self.residual(row) for row in state], [self.jacobian(row) for row in state]
        return Quadratic(
            np.array([a @ a for a in r]),
            np.stack([b.T @ a for a, b in zip(r, j, strict=True)]),
            np.stack([b.T @ b for b in j]),
        )

    def stepped(self, state, step):
        self.steps += [row.copy() for row in step]
        return np.clip(state + step, self.low, self.high)

    def bounds(self, state):
        return np.minimum(self.low - state, 0), np.maximum(self.high - state, 0)

    def select(self, state, index):
        return state[index].copy()

    def assign(self, state, index, value):
        state[index] = value


def rosenbrock():
    return Functions(
        lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]),
        lambda x: np.array([[-20 * x[0], 10.0], [-1.0, 0.0]]),
    )


def madsen():
    return Functions(
        lambda x: np.array([x[0] ** 2 + x[1] ** 2 + x[0] * x[1], np.sin(x[0]), np.cos(x[1])]),
        lambda x: np.array([[2 * x[0] + x[1], 2 * x[1] + x[0]], [np.cos(x[0]), 0.0], [0.0, -np.sin(x[1])]]),
    )


def helical_valley():
    def residual(x):
        return np.array(
            [10 * (x[2] - 10 * np.arctan2(x[1], x[0]) / (2 * np.pi)), 10 * (np.hypot(x[0], x[1]) - 1), x[2]]
        )

    def jacobian(x):
        square, length = x[0] ** 2 + x[1] ** 2, np.hypot(x[0], x[1])
        turn = 50 / np.pi / square
        return np.array(
            [
                [turn * x[1], -turn * x[0], 10.0],
                [10 * x[0] / length, 10 * x[1] / length, 0.0],
                [0.0, 0.0, 1.0],
            ]
        )

    return Functions(residual, jacobian)


def powell_singular():
    def residual(x):
        return np.array(
            [x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2]
        )

    def jacobian(x):
        a, b = 2 * (x[1] - 2 * x[2]), 2 * 10**0.5 * (x[0] - x[3])
        return np.array([[1, 10, 0, 0], [0, 0, 5**0.5, -(5**0.5)], [0, a, -2 * a, 0], [b, 0, 0, -b]])

    return Functions(residual, jacobian)


def beale():
    y = np.array([1.5, 2.25, 2.625])
    power = np.arange(1, 4)
    return Functions(
        lambda x: y - x[0] * (1 - x[1] ** power),
        lambda x: np.stack([-(1 - x[1] ** power), x[0] * power * x[1] ** (power - 1)], 1),
    )


def freudenstein_roth():
    return Functions(
        lambda x: np.array(
            [
                -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
                -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
            ]
        ),
        lambda x: np.array([[1, 10 * x[1] - 3 * x[1] ** 2 - 2], [1, 3 * x[1] ** 2 + 2 * x[1] - 14]]),
    )


def box_3d():
    t = np.arange(1, 11) / 10
    return Functions(
        lambda x: np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t)),
        lambda x: np.stack([-t * np.exp(-t * x[0]), t * np.exp(-t * x[1]), np.exp(-10 * t) - np.exp(-t)], 1),
    )


def kowalik_osborne():
    y = np.array([0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])
    u = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])

    def parts(x):
        return u**2 + u * x[1], u**2 + u * x[2] + x[3]

    def residual(x):
        above, below = parts(x)
        return y - x[0] * above / below

    def jacobian(x):
        above, below = parts(x)
        return np.stack([-above / below, -x[0] * u / below, x[0] * above * u / below**2, x[0] * above / below**2], 1)

    return Functions(residual, jacobian)


# name -> (problem, start, least sum of squares); More, Garbow and Hillstrom 1981 give starts and minima
TABLE = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0], 0.0),
    "madsen": (madsen, [3.0, 1.0], 0.773199056),
    "helical valley": (helical_valley, [-1.0, 0.0, 0.0], 0.0),
    "powell singular": (powell_singular, [3.0, -1.0, 0.0, 1.0], 0.0),
    "beale": (beale, [1.0, 1.0], 0.0),
    "freudenstein and roth": (freudenstein_roth, [0.5, -2.0], 48.9842536),
    "box": (box_3d, [0.0, 10.0, 20.0], 0.0),
    "kowalik and osborne": (kowalik_osborne, [0.25, 0.39, 0.415, 0.39], 3.07505604e-4),
}
