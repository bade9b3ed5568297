"""The zips: reproducible, valid for Blender's own validator, complete, and free of what an add-on must not import."""

import ast
import subprocess
import sys
import zipfile

import pytest

from blender_tests.conftest import ROOT, VERSIONS, missing

ADDON = ROOT / "addon"


def test_two_builds_are_the_same_bytes(zips, tmp_path):
    import build_addon

    for first, second in zip(zips, build_addon.build(tmp_path), strict=True):
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("version", [version for version in VERSIONS if version != "3.4"])
def test_blenders_validator_accepts_the_extension(zips, version):
    environment = ROOT / f".venv-bpy-{version}"
    tool = next(
        environment.glob(f"lib/python3*/site-packages/bpy/{version}/scripts/addons_core/bl_pkg/cli/blender_ext.py"),
        None,
    )
    if tool is None:
        missing(f"no bpy {version} in {environment.name}")
    done = subprocess.run(
        [sys.executable, str(tool), "validate", str(zips[0])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success" in done.stdout


def test_both_zips_hold_the_version_the_protocol_and_the_solver(zips):
    import build_addon

    version = build_addon.solver_version()
    for path, prefix in zip(zips, ("", "face_solve/"), strict=True):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            names = set(archive.namelist())
            assert archive.read(prefix + "protocol.py") == (ROOT / "solver_core" / "protocol.py").read_bytes()
            with (
                archive.open(f"{prefix}solver/face_solve-{version}-py3-none-any.whl") as stream,
                zipfile.ZipFile(stream) as wheel,
            ):
                assert {"solver_core/protocol.py", "solver_core/flow/networks/own.safetensors"} <= set(wheel.namelist())
                assert f"Version: {version}" in wheel.read(f"face_solve-{version}.dist-info/METADATA").decode()
            assert not [name for name in names if "__pycache__" in name or not name.startswith(prefix)]
            assert str(tuple(map(int, version.split(".")))) in archive.read(prefix + "__init__.py").decode()
            assert (prefix + "blender_manifest.toml" in names) == (prefix == "")


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


BLENDERS = {"bpy", "bpy_extras", "mathutils", "gpu", "blf", "gpu_extras"}


@pytest.mark.parametrize("path", sorted(ADDON.rglob("*.py")), ids=lambda path: str(path.relative_to(ADDON)))
def test_the_addon_imports_the_standard_library_and_blender_alone(path):
    for name, level in _imports(path):
        root = name.split(".")[0]
        assert level > 0 or root in BLENDERS or root in sys.stdlib_module_names, f"{path.name} imports {name}"
        if path.parent.name == "worker" or path.name in {
            "npz.py",
            "camera_model.py",
            "plate_map.py",
            "shape_groups.py",
            "problem.py",
            "curve_layout.py",
        }:
            assert root not in BLENDERS, f"{path.name} imports {name}"


def test_one_module_alone_asks_for_blenders_version():
    asking = [path.name for path in ADDON.rglob("*.py") if "app.version" in path.read_text()]
    assert asking == ["compat.py"]
