"""What somebody could deliver beside a .blend: modules and programs of names that are looked for.

Uses the standard library alone.
"""

MODULES = (
    "solver_core/__init__.py",
    "numpy/__init__.py",
    "torch/__init__.py",
    "pip/__init__.py",
    "venv/__init__.py",
    "sitecustomize.py",
    "usercustomize.py",
    "json.py",
)
PROGRAMS = ("python3.11", "python3.12", "python3.13", "python3", "python", "ldconfig", "uname")


def deliver(folder, marker, modules=MODULES):
    """Put them into a folder, in front of what is there; each writes a line into `marker` when it runs."""
    for name in modules:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"with open({str(marker)!r}, 'a') as file: file.write({str(path)!r} + '\\n')\n")
    for name in PROGRAMS:
        path = folder / name
        path.write_text(f'#!/bin/sh\necho "{path}" >> "{marker}"\necho python 3.11\n')
        path.chmod(0o755)


def ran(marker):
    """What has run of it, each once."""
    return sorted(set(marker.read_text().splitlines())) if marker.exists() else []
