"""What became of a frame, in words: the solver's own, and what the artist did to it since."""

from __future__ import annotations

from ... import protocol

FIXED = "fixed"  # keyed or changed by hand after it had been solved
SHOWN = (*protocol.FRAME_STATUSES, FIXED)
