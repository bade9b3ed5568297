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


# Which rooms of the solver a room may know. What stands in no set is no arrow anybody has needed: add one here only
# with a reason.
MAY_KNOW = {
    "common": set(),
    "color": {"common"},
    "executors": {"common"},
    "optimise": {"common"},
    "camera": {"common"},
    "networks": {"common", "camera"},
    "flow": {"common", "networks"},
    "footage": {"common", "color", "camera", "executors", "networks"},
    "render": {"common", "color", "look"},  # of look the one value that it is handed
    "look": {"common", "color", "camera", "face", "footage", "render"},  # a picture is one that a camera takes
    "face": {"common", "color", "camera", "networks", "render", "protocol"},
    "energies": {"common", "camera", "face", "footage", "look", "networks", "optimise", "render"},
    "observe": {"common", "camera", "energies", "face", "flow", "footage", "look", "networks", "render"},
    "documents": {"common", "camera", "face", "look", "protocol", "service"},  # of service what a listener is told
    "stages": {
        *("common", "color", "camera", "face", "footage", "networks", "flow", "look", "render", "energies", "optimise"),
        *("executors", "observe", "documents", "protocol"),
    },
    "report": {
        *("common", "documents", "face", "flow", "footage", "look", "observe", "stages", "protocol", "solve"),
    },
}


@pytest.mark.parametrize("room", MAY_KNOW)
def test_a_room_knows_those_it_may(room):
    allowed = {"solver_core", "__version__", room, *MAY_KNOW[room]}
    strangers = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(f"solver_core/{room}")
        for name in sorted(imports_of(path))
        if name.startswith("solver_core.") and name.split(".")[1] not in allowed
    ]
    assert strangers == []


def test_every_room_has_its_arrows_said():
    rooms = {path.parent.name for path in (ROOT / "solver_core").glob("*/__init__.py")}
    assert rooms - set(MAY_KNOW) == {"service"}  # it starts everything


def test_documents_name_files_that_are_there():
    """`some/file.py` in a document is a path from the root, or the end of one."""
    there = [path.relative_to(ROOT).as_posix() for path in tracked("*.py", "*.sh", "*.toml")]
    absent = [
        f"{document.relative_to(ROOT)}: {name}"
        for document in tracked("docs/*.md", "README.md")
        for name in re.findall(r"`([a-z_0-9/]+\.(?:py|sh))`", document.read_text(encoding="utf-8"))
        if not any(path == name or path.endswith(f"/{name}") for path in there)
    ]
    assert absent == []


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


def test_the_demo_knows_no_test():
    """Tests and the documents' pictures are made of the demo's shot, not the other way round."""
    unwanted = ("blender_tests", "tests", "benchmarks", "harness", "head_scene", "window_tools", "windowed")
    assert arrows("demo", *unwanted) == []


def import_graph(*folders: str) -> dict[str, set[str]]:
    """Which modules of these folders each of them imports, anywhere in it; packages are named by their folder."""
    paths = {path for folder in folders for path in modules(folder)}
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    graph = {}
    for name, path in names.items():
        # `from . import x` is an arrow to x, not to the package whose other modules it does not ask for.
        targets = imports_of(path)
        graph[name] = {
            target
            for target in targets & names.keys()
            if target != name and not (names[target].name == "__init__.py" and _names_a_module(target, targets, names))
        }
    return graph


def _names_a_module(package: str, targets: set[str], names: dict[str, Path]) -> bool:
    return any(target.startswith(f"{package}.") and target in names for target in targets)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others: Tarjan's strongly connected components."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = lowest[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                lowest[node] = min(lowest[node], lowest[target])
            elif target in stack:
                lowest[node] = min(lowest[node], index[target])
        if lowest[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("folder", ["addon", "solver_core", "demo"])
def test_no_module_imports_itself_through_others(folder):
    """Imports inside functions count too: they hide a circle, they do not open it."""
    assert circles(import_graph(folder)) == []


PRIVATE_NAMES_REACHED = 15  # by tests


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names_of_the_project() -> set[str]:
    """Names of functions, classes, variables and attributes with one underscore in front, in all that is tested."""
    found: set[str] = set()
    for folder in ("addon", "solver_core", "demo", "training"):
        for path in modules(folder):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    found.add(node.name)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.add(node.id)
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    found.add(node.attr)
    return {name for name in found if is_private(name)}


def private_names_reached(source: str, names: set[str]) -> list[str]:
    """Where a test reads, imports or patches one of the names.

    Forms that are found: `x._name`, `from x import _name`, `setattr(x, "_name", ...)`.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        reached: list[str] = []
        if isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls", "os"}):
                reached = [node.attr]
        elif isinstance(node, ast.ImportFrom):
            reached = [alias.name for alias in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            given = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
            if called in {"setattr", "getattr", "delattr"} and isinstance(given, str):
                reached = [given]
        found += [f"{node.lineno}: {name}" for name in reached if name in names]
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import m\nm._x()", ["2: _x"]),
        ("from m import _x, y", ["1: _x"]),
        ("monkeypatch.setattr(m, '_x', 1)", ["1: _x"]),
        ("m._other + m.__x__ + m.x", []),
        ("class A:\n    def f(self):\n        return self._x", []),
    ],
)
def test_private_names_are_seen(source, found):
    assert private_names_reached(source, {"_x"}) == found


def test_tests_reach_few_private_names():
    names = private_names_of_the_project()
    reached = [
        f"{path.relative_to(ROOT)}:{one}"
        for folder in ("tests", "blender_tests")
        for path in modules(folder)
        for one in private_names_reached(path.read_text(encoding="utf-8"), names)
    ]
    assert len(reached) <= PRIVATE_NAMES_REACHED, "\n".join(reached)


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
