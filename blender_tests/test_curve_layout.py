"""The error curve's geometry: every frame has its place, and a click on a bar is that frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addon import protocol
from addon.overlay.curve_layout import (
    BAD,
    COLORS,
    STATUS_HEIGHT,
    Bar,
    Range,
    layout,
    range_rectangles,
    rectangles,
)
from addon.scene.results.status import FIXED, SHOWN

bars_of = st.lists(
    st.builds(
        Bar,
        frame=st.integers(-500, 5000),
        status=st.sampled_from(tuple(COLORS)),
        error=st.one_of(st.just(-1.0), st.floats(0.0, 500.0)),
        bad=st.booleans(),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda bar: bar.frame,
)


@given(bars_of, st.floats(0.0, 20.0), st.floats(200.0, 4000.0), st.sampled_from([1.0, 1.5, 2.0]))
def test_every_bar_lies_inside_and_is_found_again(bars, limit, right, scale):
    strip = layout(bars, limit, 40.0, right, 0.0, scale)
    assert strip.height_of(limit) < strip.height
    for (x, y, width, height), _color in rectangles(bars, strip):
        assert strip.x - 1e-6 <= x
        assert x + width <= strip.x + strip.width + 1.0
        assert strip.y <= y
        assert y + height <= strip.y + strip.height + 1.0
    for bar in bars:
        x, _width = strip.column(bar.frame)
        assert strip.frame_at(x + 0.5 * strip.pitch, strip.y + 1.0) == bar.frame
    assert strip.frame_at(strip.x - 1.0, strip.y) is None
    assert strip.frame_at(strip.x + 1.0, strip.y + strip.height + 1.0) is None


def test_heights_follow_errors_and_colours_follow_status():
    bars = [
        Bar(1, protocol.SOLVED, 1.0, bad=False),
        Bar(2, protocol.SOLVED, 2.0, bad=False),
        Bar(3, protocol.SOLVED, 4.0, bad=True),
        Bar(4, protocol.FRAME_FAILED, -1.0, bad=True),
        Bar(5, protocol.INFILLED, -1.0, bad=False),
        Bar(6, protocol.LOCKED, -1.0, bad=False),
        Bar(7, FIXED, -1.0, bad=False),
    ]
    strip = layout(bars, 3.0, 0.0, 600.0, 0.0, 1.0)
    filled = rectangles(bars, strip)
    low = [color for (_x, y, _w, _h), color in filled if y == strip.y]
    assert low == [COLORS[name] for name in ("solved", "solved", "solved", "failed", "infilled", "locked", "fixed")]
    high = {round((x - strip.x) / strip.pitch) + 1: (h, color) for (x, y, _w, h), color in filled if y > strip.y}
    assert sorted(high) == [1, 2, 3, 4]
    assert high[2][0] == pytest.approx(2 * high[1][0])
    assert high[3] == (pytest.approx(4 * high[1][0]), BAD)
    assert high[4] == (pytest.approx(strip.height - STATUS_HEIGHT), COLORS["failed"])


def test_one_wild_frame_does_not_flatten_the_others():
    bars = [Bar(frame, protocol.SOLVED, 1.0, bad=False) for frame in range(100)]
    calm = layout(bars, 3.0, 0.0, 600.0, 0.0, 1.0)
    wild = layout([*bars, Bar(100, protocol.SOLVED, 1e6, bad=True)], 3.0, 0.0, 600.0, 0.0, 1.0)
    assert wild.height_of(1.0) == calm.height_of(1.0)
    assert wild.height_of(1e6) == wild.height - STATUS_HEIGHT


@given(st.integers(-30, 60), st.integers(-30, 60), st.booleans(), st.booleans())
def test_a_range_covers_its_frames_in_the_strip_and_no_others(first, last, found, enabled):
    bars = [Bar(frame, protocol.SOLVED, 1.0, bad=False) for frame in range(5, 41)]
    strip = layout(bars, 3.0, 0.0, 600.0, 0.0, 1.0)
    filled = range_rectangles([Range(first, last, found, enabled)], strip)
    inside = [frame for frame in range(first, last + 1) if 5 <= frame <= 40]
    assert bool(filled) == bool(inside)
    for (x, y, width, height), _color in filled:
        covered = [frame for frame in range(5, 41) if x <= strip.column(frame)[0] < x + width]
        assert covered == inside
        assert 0.0 < y < y + height < strip.y


def test_every_status_has_a_colour_of_its_own():
    assert set(SHOWN) == set(COLORS)
    assert len(set(COLORS.values())) == len(COLORS)
