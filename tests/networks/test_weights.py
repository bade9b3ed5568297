"""Weight files: absent or altered ones are refused in words that mend it, and nothing is fetched twice."""

from __future__ import annotations

import shutil
import sys

import pytest
from safetensors.numpy import load_file

from solver_core.common.errors import FaceSolveError
from solver_core.networks import tflite, weights
from solver_core.networks.inventory import inventory

NAMES = [name for name, item in weights.REGISTRY.items() if item.sha256]  # those that are converted


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of its own with a copy of the real files, on a machine without a network."""
    real = weights.folder()
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    shutil.copytree(real, tmp_path / "weights")
    return tmp_path / "weights"


def _flip_a_bit(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("name", NAMES)
def test_intact_files_load(cache, name):
    assert weights.path(name) == cache / f"{name}.safetensors"
    assert weights.path(name).stat().st_size == weights.REGISTRY[name].bytes
    assert weights.load(name).steps


@pytest.mark.parametrize("name", NAMES)
def test_an_altered_file_is_refused_and_fetch_mends_it_from_the_kept_source(cache, name, capsys):
    _flip_a_bit(cache / f"{name}.safetensors")
    with pytest.raises(FaceSolveError, match=r"have been altered.*weights fetch") as caught:
        weights.load(name)
    assert f"{name}.safetensors" in caught.value.message
    assert weights.main(["fetch", name]) == 0
    assert weights.load(name).steps


def test_a_file_altered_after_it_was_verified_is_refused(cache):
    weights.path("facemesh")
    _flip_a_bit(cache / "facemesh.safetensors")
    with pytest.raises(FaceSolveError, match="have been altered"):
        weights.path("facemesh")


def test_absent_files_are_named_with_the_command_that_fetches_them(cache):
    shutil.rmtree(cache)
    with pytest.raises(FaceSolveError) as caught:
        weights.path("facemesh")
    assert "are missing" in caught.value.message
    assert str(cache / "facemesh.safetensors") in caught.value.message
    assert "python -m solver_core weights fetch" in caught.value.remedy


def test_fetching_without_a_network_says_so_and_leaves_nothing_half_done(cache):
    shutil.rmtree(cache)
    with pytest.raises(FaceSolveError, match="could not be downloaded"):
        weights.fetch("facemesh", say=lambda _line: None)
    assert not cache.exists() or not list(cache.iterdir())


def test_an_altered_source_is_not_converted(cache):
    (cache / "facemesh.safetensors").unlink()
    _flip_a_bit(cache / "facemesh.tflite")
    with pytest.raises(FaceSolveError, match="could not be downloaded"):
        weights.fetch("facemesh", say=lambda _line: None)
    assert not (cache / "facemesh.safetensors").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_second_fetch_touches_nothing(cache, name):
    before = {file: file.stat().st_mtime_ns for file in cache.iterdir()}
    said: list[str] = []
    weights.fetch(name, say=said.append)
    assert said == [f"{name}: already there and intact."]
    assert {file: file.stat().st_mtime_ns for file in cache.iterdir()} == before


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_reads_back_bit_for_bit(cache, name):
    _, tensors = tflite.read(weights.source_path(name).read_bytes())
    stored = load_file(cache / f"{name}.safetensors")
    assert stored.keys() == tensors.keys()
    assert all(stored[key].tobytes() == tensors[key].tobytes() for key in tensors)
    assert all(stored[key].shape == tensors[key].shape for key in tensors)


def test_list_and_verify_show_licence_and_state(cache, capsys):
    _flip_a_bit(cache / "short_range.safetensors")
    assert weights.main(["list"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Apache-2.0") == len(NAMES)
    assert "(altered)" in shown
    assert "(intact)" in shown
    assert weights.main(["verify", "facemesh"]) == 0
    with pytest.raises(FaceSolveError, match="short_range"):
        weights.main(["verify"])


def test_networks_whose_published_weights_were_never_run_are_said_to_be(capsys):
    """On the command line and, by the inventory, in the add-on's preferences."""
    weights.main(["list"])
    entries = [line for line in capsys.readouterr().out.splitlines() if line[:1].isalpha()]
    said = {line.partition(":")[0] for line in entries if "Not run with its published weights" in line}
    assert said == {"fan", "raft_large", "raft_small", "raft_things", "raft_things_small", "flownet2"}
    assert {item.name for item in inventory() if weights.UNTRIED in item.what} == said


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(FaceSolveError, match=r"no weights called 'facemash'.*facemesh"):
        weights.path("facemash")


@pytest.mark.parametrize(
    ("platform", "variable", "tail"),
    [("linux", "XDG_CACHE_HOME", "face_solve/weights"), ("win32", "LOCALAPPDATA", "face_solve/weights")],
)
def test_the_platforms_cache_folder(monkeypatch, tmp_path, platform, variable, tail):
    monkeypatch.delenv("FACE_SOLVE_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert weights.folder() == tmp_path / tail
