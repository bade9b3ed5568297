"""What the head looks like in this shot, as one immutable value that a render is handed (Figure 1 b)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from solver_core.common.arrays import Floats, Ints


class FollowingShadow(Protocol):
    """How the shadow of some vertices [m] changes with the head's shape (`face.mouth`)."""

    @property
    def vertices(self) -> Ints:
        """[m]."""

    def change(self, local: Floats) -> Floats:  # [B,V,3] metres, on the head's axes
        """[B,m,9] what is added to their rows."""


@dataclass(frozen=True)
class Look:
    """Colours, light and shadow. It never changes: a better estimate is another one, made by `dataclasses.replace`.

    Attributes:
        albedo: [V,3] linear; too stiff to absorb a misalignment: the rig's own colours, or one colour for each part of
            the head.
        lights: for each camera (exposures differ) [9,3] spherical harmonics of the irradiance on world axes; none until
            they are estimated.
        shadow: [V,9] what the head itself keeps from each vertex of the open sky, on the head's axes
            (`render.transfer`), or [B,V,9] in each of B pictures (`shadowed`). None: nothing.
        mouth: how that changes as the mouth opens. None: not at all.
        parts: [V] which part of a head without colours each vertex belongs to (`face.head_parts`): each but the skin
            takes a colour of its own. None: the albedo is known.
        detail: [V,3] linear; the albedo with the skin's detail averaged from the plates, rendered in its place. None:
            there is none yet.
    """

    albedo: Floats
    lights: tuple[Floats, ...] = ()
    shadow: Floats | None = None
    mouth: FollowingShadow | None = None
    parts: Ints | None = None
    detail: Floats | None = None

    @property
    def shown(self) -> Floats:
        """[V,3] the albedo that is rendered."""
        return self.albedo if self.detail is None else self.detail

    def under(self, light: Floats) -> Look:
        """The same head in one light [9,3] alone."""
        return replace(self, lights=(light,))

    def shadowed(self, local: Floats) -> Look:  # [B,V,3] metres, on the head's axes
        """The same head with the shadows of B shapes of it."""
        if self.shadow is None or self.mouth is None:
            return self
        shadow = np.repeat(self.shadow[None], len(local), 0)
        shadow[:, self.mouth.vertices] += self.mouth.change(local)
        return replace(self, shadow=shadow)
