"""Every file of checks in inside/, run in every Blender that the add-on supports."""

import pytest

from blender_tests.conftest import INSIDE, VERSIONS

CHECKS = sorted(path.stem for path in INSIDE.glob("check_*.py"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CHECKS)
def test_inside_blender(inside, version, name):
    report = inside(version, name)
    assert report, "no check ran"
    broken = {check: trace for check, trace in report.items() if trace}
    assert not broken, f"Blender {version}, {len(broken)} of {len(report)} checks:\n" + "\n".join(
        f"--- {k}\n{v}" for k, v in broken.items()
    )
