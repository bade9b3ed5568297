"""The conversation's encoding: what is written is read back, and whatever is no message is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver_core import protocol

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.builds(
    lambda fields, kind: {**fields, "type": kind}, st.dictionaries(st.text(), VALUES, max_size=5), st.text()
)


@given(MESSAGES)
def test_what_is_written_is_read_back(message):
    assert protocol.decode(protocol.encode(message)) == message


@given(MESSAGES)
def test_a_message_is_one_line_of_utf8(message):
    line = protocol.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    line.decode("utf-8")


@given(st.lists(MESSAGES, max_size=5))
def test_lines_of_a_stream_are_the_messages_in_order(messages):
    stream = b"".join(map(protocol.encode, messages))
    assert [protocol.decode(line) for line in stream.splitlines(keepends=True)] == messages


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_message_or_a_protocol_error(line):
    try:
        message = protocol.decode(line)
    except protocol.ProtocolError:
        return
    assert isinstance(message["type"], str)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"3",
        b'"type"',
        b"[]",
        b"{}",
        b'{"type": 3}',
        b'{"type": null}',
        b'{"type": "frame"',
        b"\xff\xfe",
        b"Loading...\n",
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(line)


@given(MESSAGES, st.data())
def test_a_message_cut_short_is_refused(message, data):
    line = protocol.encode(message).rstrip(b"\n")
    with pytest.raises(protocol.ProtocolError):
        protocol.decode(line[: data.draw(st.integers(0, len(line) - 1))])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, object(), b"bytes", {1, 2}, [math.nan]])
def test_what_json_cannot_say_is_refused_with_the_message_s_name(value):
    with pytest.raises(protocol.ProtocolError, match="frame"):
        protocol.encode({"type": protocol.FRAME, "error_px": value})


@pytest.mark.parametrize("message", [{}, {"type": 1}, {"type": None}, {"frame": 3}])
def test_a_message_without_a_type_is_not_written(message):
    with pytest.raises(protocol.ProtocolError, match="type"):
        protocol.encode(message)


def test_the_names_differ():
    names = [
        value
        for name, value in vars(protocol).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("FRAME_")
    ]
    statuses = set(protocol.FRAME_STATUSES)
    messages = [name for name in names if name not in statuses]
    assert len(messages) == len(set(messages))
    assert len(statuses) == len(protocol.FRAME_STATUSES)


def test_every_message_of_the_document_has_a_name():
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    for name in (
        "hello",
        "solve",
        "progress",
        "frame",
        "warning",
        "heartbeat",
        "finished",
        "cancelled",
        "failed",
        "check",
        "checked",
        "quit",
    ):
        assert name in vars(protocol).values(), name
        assert f"`{name}`" in text, name
    assert json.loads(protocol.encode({"type": protocol.HELLO, "protocol": protocol.PROTOCOL_VERSION}))["protocol"] == 2
