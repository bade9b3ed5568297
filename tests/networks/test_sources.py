"""Weights and source archives from an address.

They are fetched, taken up where the download broke off, and refused where the file is another one.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import shutil
import sys
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from solver_core.common.errors import FaceSolveError
from solver_core.networks import sources, weights
from solver_core.networks.sources import SdistMember, Stopped, download

CONTENT = bytes(range(256)) * 40_000  # 10 MB


class _Server(http.server.ThreadingHTTPServer):
    """A server of one file that understands ranges, and can break off or ignore them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.breaks_after: int | None = None
        self.knows_ranges = True
        self.asked: list[str | None] = []
        self.sent = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.knows_ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        part = CONTENT[start:][: server.breaks_after]
        server.sent += len(part)
        self.wfile.write(part)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def _url(server):
    return f"http://127.0.0.1:{server.server_address[1]}/file"


def test_a_broken_download_is_taken_up(server, tmp_path):
    part = tmp_path / "file.part"
    server.breaks_after = 3_000_000
    with pytest.raises(ConnectionError, match="broke off"):
        download(_url(server), part)
    assert part.stat().st_size == 3_000_000
    server.breaks_after = None
    download(_url(server), part)
    assert part.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=3000000-"]
    assert server.sent == len(CONTENT)


def test_a_download_says_how_far_it_is_and_can_be_stopped_and_taken_up(server, tmp_path):
    part, heard = tmp_path / "file.part", []

    def stop_at_half(came):
        heard.append(came)
        if came >= len(CONTENT) // 2:
            raise Stopped

    with pytest.raises(Stopped):
        download(_url(server), part, stop_at_half)
    kept = part.stat().st_size
    assert kept == heard[-1] < len(CONTENT)
    download(_url(server), part, heard.append)
    assert part.read_bytes() == CONTENT
    assert heard == sorted(heard)
    assert heard[-1] == len(CONTENT)
    assert server.asked[-1] == f"bytes={kept}-"


def test_pip_is_watched_and_stopped(tmp_path, monkeypatch):
    """A stand-in for pip that writes as slowly as a network: what it has brought is told, and stopping ends it."""
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import os, pathlib, sys, time\n"
        "pathlib.Path(sys.argv[0]).with_name('pid').write_text(str(os.getpid()))\n"
        "here = pathlib.Path(os.environ['TMPDIR']) / 'unpack'\n"
        "here.mkdir()\n"
        "for i in range(600):\n"
        "    with (here / 'part').open('ab') as f: f.write(bytes(1000))\n"
        "    time.sleep(0.02)\n"
    )
    launcher = tmp_path / "python"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{slow}"\n')
    launcher.chmod(0o755)
    monkeypatch.setattr(sources.sys, "executable", str(launcher))
    heard = []

    def stop_later(came):
        heard.append(came)
        if came > 20_000:
            raise Stopped

    folder = tmp_path / "download"
    folder.mkdir()
    with pytest.raises(Stopped):
        sources.pip_download("it", ["it"], folder, "*.whl", stop_later)
    assert heard == sorted(heard)
    assert heard[-1] > 20_000
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_folder_that_goes_while_it_is_measured_is_passed_over(tmp_path, monkeypatch):
    """pip unpacks beside what it downloads, and clears up while it is being watched."""
    (tmp_path / "archive").write_bytes(bytes(1000))
    (tmp_path / "gone" / "inner").mkdir(parents=True)
    (tmp_path / "gone" / "inner" / "part").write_bytes(bytes(10))
    look = os.scandir

    def clear_first(folder):
        if str(folder).endswith("inner"):  # rmtree passes a descriptor
            shutil.rmtree(tmp_path / "gone")
        return look(folder)

    monkeypatch.setattr(os, "scandir", clear_first)
    assert sources.folder_size(tmp_path) == 1000
    assert not (tmp_path / "gone").exists()


def test_a_file_that_may_not_be_looked_at_is_passed_over(tmp_path, monkeypatch):
    """As Windows does with a file that waits for its deletion."""
    (tmp_path / "archive").write_bytes(bytes(1000))
    (tmp_path / "waits").write_bytes(bytes(10))
    look = Path.stat

    def refuse(path, **options):
        if path.name == "waits":
            raise PermissionError(13, "Access is denied")
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    assert sources.folder_size(tmp_path) == 1000


def test_what_pip_says_is_read_whatever_its_letters(tmp_path, monkeypatch):
    launcher = tmp_path / "python"
    launcher.write_bytes(b"#!/bin/sh\nprintf 'ERROR: na\\303\\257ve \\377\\n' >&2\nexit 1\n")
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(launcher))
    with pytest.raises(FaceSolveError, match="ERROR: na\u00efve \ufffd"):
        sources.pip_download("it", ["it"], tmp_path, "*.whl", sources.silent)


def test_a_server_that_knows_no_ranges_begins_again(server, tmp_path):
    part = tmp_path / "file.part"
    part.write_bytes(CONTENT[:1000])
    server.knows_ranges = False
    download(_url(server), part)
    assert part.read_bytes() == CONTENT


def test_what_is_complete_is_not_downloaded_again(server, tmp_path):
    part = tmp_path / "file.part"
    part.write_bytes(CONTENT)
    download(_url(server), part)
    assert part.read_bytes() == CONTENT
    assert server.sent == 0


def test_only_addresses_on_the_network_are_opened(tmp_path):
    file = tmp_path / "secret"
    file.write_text("a")
    with pytest.raises(OSError, match="not an address on the network"):
        download(file.as_uri(), tmp_path / "part")


@pytest.fixture
def published(server, tmp_path, monkeypatch):
    """The registry's 3D-FAN, published by the server instead, with the content's own digest."""
    table = pytest.importorskip("face_alignment.api", reason="the extra 'fan' is not installed").models_urls
    assert table["3DFAN-4"].endswith("/" + weights.REGISTRY["fan"].source.file)
    monkeypatch.setitem(table, "3DFAN-4", _url(server))
    monkeypatch.setenv("FACE_SOLVE_CACHE", str(tmp_path))
    digest = hashlib.sha256(CONTENT).hexdigest()[:10]
    monkeypatch.setitem(weights.REGISTRY, "fan", replace(weights.REGISTRY["fan"], source_sha256=digest))
    return weights.folder()


def test_fetch_brings_fan_from_the_address_that_its_package_knows(server, published, capsys):
    server.breaks_after = 1_000_000
    with pytest.raises(FaceSolveError, match="broke off"):
        weights.fetch("fan")
    server.breaks_after = None
    assert weights.main(["fetch", "fan"]) == 0
    assert "BSD-3-Clause" in capsys.readouterr().out
    assert [file.name for file in published.iterdir()] == ["3DFAN4-7835d9f11d.pth.tar"]
    assert weights.path("fan").read_bytes() == CONTENT


def test_another_file_is_refused_and_does_not_stay(published, monkeypatch):
    monkeypatch.setitem(weights.REGISTRY, "fan", replace(weights.REGISTRY["fan"], source_sha256="7835d9f11d"))
    with pytest.raises(FaceSolveError, match="not the expected file"):
        weights.fetch("fan", say=lambda _line: None)
    assert not list(published.iterdir())


def test_without_a_network_it_is_said_which_file_to_put_where(server, published):
    server.shutdown()
    server.server_close()
    with pytest.raises(FaceSolveError, match="could not be downloaded") as caught:
        weights.fetch("fan", say=lambda _line: None)
    assert "bring 3DFAN4-7835d9f11d.pth.tar from http" in caught.value.remedy
    assert str(published) in caught.value.remedy
    assert not list(published.iterdir())


def test_verify_passes_over_optional_weights_that_were_not_fetched(published, monkeypatch, capsys):
    monkeypatch.setattr(weights, "REGISTRY", {name: item for name, item in weights.REGISTRY.items() if item.optional})
    assert weights.main(["verify"]) == 0
    assert weights.main(["fetch"]) == 0
    assert capsys.readouterr().out.count("not fetched (optional)") == len(weights.REGISTRY)
    assert not published.exists()
    with pytest.raises(FaceSolveError, match=r"are missing.*weights fetch dlib_cnn"):
        weights.main(["verify", "dlib_cnn"])


def test_of_a_source_archive_one_file_is_read_and_nothing_unpacked(tmp_path):
    archive = tmp_path / "package-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("package-1.0/models/wanted.dat", "package-1.0/../../evil"):
            data = name.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    source = SdistMember("package", "1.0", "0" * 64, "package-1.0/models/wanted.dat", 1)
    assert source.read(archive) == b"package-1.0/models/wanted.dat"
    assert source.file == "wanted.dat"
    assert [file.name for file in tmp_path.iterdir()] == [archive.name]
