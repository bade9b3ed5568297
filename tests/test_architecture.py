"""The arrows that must not exist (docs/architecture.md), and the house rules that a program can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def tracked(*patterns: str) -> list[Path]:
    """Files that belong to the repository: committed, or new and not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listing.splitlines() if (ROOT / line).is_file()]


def modules(folder: str) -> list[Path]:
    return tracked(f"{folder}/**/*.py", f"{folder}/*.py")


def imports(source: str, package: list[str]) -> set[str]:
    """Dotted names that a module imports, anywhere in it; relative ones resolved against its package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


def imports_of(path: Path) -> set[str]:
    return imports(path.read_text(encoding="utf-8"), list(path.relative_to(ROOT).parent.parts))


def arrows(folder: str, *forbidden: str) -> list[str]:
    """Imports inside `folder` of a forbidden package or of anything in it."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in sorted(imports_of(path))
        if any(name == target or name.startswith(f"{target}.") for target in forbidden)
    ]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import bpy", {"bpy"}),
        ("import a.b as c", {"a.b"}),
        ("from a import b", {"a", "a.b"}),
        ("def f():\n    from .x import y", {"p.q.x", "p.q.x.y"}),
        ("from ..z import w", {"p.z", "p.z.w"}),
        ("from . import x", {"p.q", "p.q.x"}),
    ],
)
def test_imports_are_seen_wherever_they_stand(source, found):
    assert imports(source, ["p", "q"]) == found


def test_there_is_something_to_check():
    assert len(modules("solver_core")) > 10
    assert len(modules("addon")) > 10


def test_the_solver_knows_no_blender():
    assert arrows("solver_core", "bpy", "bmesh", "mathutils", "gpu", "blf", "addon", "face_solve") == []


def test_the_addon_needs_nothing_but_blender():
    allowed = set(sys.stdlib_module_names) | {
        "bpy",
        "bpy_extras",
        "bl_ui",
        "mathutils",
        "gpu",
        "gpu_extras",
        "blf",
        "addon",
    }
    strangers = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("addon")
        for name in sorted(imports_of(path))
        if name.split(".")[0] not in allowed
    ]
    assert strangers == []


def test_the_addon_starts_no_thread():
    """Blender takes a thread that runs Python for its own (addon/worker/process.py)."""
    assert arrows("addon", "threading", "concurrent", "asyncio", "multiprocessing") == []


def test_both_sides_speak_the_same_protocol():
    assert (ROOT / "addon" / "protocol.py").read_bytes() == (ROOT / "solver_core" / "protocol.py").read_bytes()


def test_the_addon_s_worker_knows_no_blender():
    assert arrows("addon/worker", "bpy", "mathutils", "gpu", "blf") == []


def test_only_compat_asks_for_blender_s_version():
    askers = [
        path.relative_to(ROOT).as_posix()
        for path in modules("addon")
        if re.search(r"\bbpy\.app\.version\b", path.read_text())
    ]
    assert set(askers) <= {"addon/compat.py"}


def test_the_solver_runs_without_what_made_its_networks_and_pictures():
    assert arrows("solver_core", "training", "demo", "benchmarks") == []


def test_energies_know_no_stage():
    assert arrows("solver_core/energies", "solver_core.stages", "solver_core.service") == []


def test_networks_know_no_rig():
    unwanted = ("face", "camera.camera", "camera.distortion", "render", "energies", "stages", "optimise", "documents")
    assert arrows("solver_core/networks", *(f"solver_core.{name}" for name in unwanted)) == []


def test_the_optimiser_and_the_renderer_know_no_network():
    unwanted = ("networks", "energies", "stages")
    assert arrows("solver_core/render", *(f"solver_core.{name}" for name in unwanted)) == []
    assert arrows("solver_core/optimise", "solver_core.networks", "solver_core.stages") == []


def test_plates_know_nothing_of_the_solve():
    """Footage is footage: pictures, their colours, and errors in the user's words."""
    allowed = ("solver_core.footage.plates", "solver_core.color", "solver_core.common")
    inside = {
        name
        for path in modules("solver_core/footage/plates")
        for name in imports_of(path)
        if name.startswith("solver_core")
    }
    assert [name for name in inside if not name.startswith(allowed)] == []


def test_every_module_opens_with_one_sentence_that_says_what_it_is():
    silent = []
    for path in tracked("*.py"):
        source = path.read_text(encoding="utf-8")
        if not source.strip():
            continue
        opening = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].strip()
        if not opening.endswith((".", "?")) and not opening.endswith(":"):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []


def texts() -> list[tuple[str, str]]:
    """(path, text) of every tracked text file but this one, which has to spell out what it looks for."""
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data and path != Path(__file__).resolve():
            found.append((str(path.relative_to(ROOT)), data.decode("utf-8")))
    return found


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of one machine", r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/\w"),
        ("a path of one machine", r"\b[A-Z]:\\\\?Users\b"),
        (
            "a package host",
            r"\b(pypi\.org|pythonhosted\.org|download\.pytorch\.org|download\.blender\.org/pypi|anaconda\.(com|org))\b",
        ),
    ],
)
def test_nothing_of_one_machine_or_host_is_written_down(what, pattern):
    assert [(name, match.group(0)) for name, text in texts() for match in re.finditer(pattern, text)] == [], what


def test_programs_can_be_run():
    for path in (ROOT / ".ci" / "run", *(ROOT / "tools").glob("*.sh")):
        assert path.stat().st_mode & 0o111, path
