"""What the head looks like in this shot, as one immutable value that a render is handed (Figure 1 b)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from solver_core.common.arrays import Floats, Ints


@dataclass(frozen=True)
class Look:
    """Colours, light and shadow. It never changes: a better estimate is another one, made by `dataclasses.replace`.

    Attributes:
        albedo: [V,3] linear; too stiff to absorb a misalignment: the rig's own colours, or one colour for each part of
            the head.
        lights: for each camera (exposures differ) [9,3] spherical harmonics of the irradiance on world axes; none until
            they are estimated.
        shadow: [V,9] what the head itself keeps from each vertex of the open sky, on the head's axes
            (`render.transfer`). None: nothing.
        parts: [V] which part of a head without colours each vertex belongs to (`face.head_parts`): each but the skin
            takes a colour of its own. None: the albedo is known.
        detail: [V,3] linear; the albedo with the skin's detail averaged from the plates, rendered in its place. None:
            there is none yet.
    """

    albedo: Floats
    lights: tuple[Floats, ...] = ()
    shadow: Floats | None = None
    parts: Ints | None = None
    detail: Floats | None = None

    @property
    def shown(self) -> Floats:
        """[V,3] the albedo that is rendered."""
        return self.albedo if self.detail is None else self.detail

    def under(self, light: Floats) -> Look:
        """The same head in one light [9,3] alone."""
        return replace(self, lights=(light,))
