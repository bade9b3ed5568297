#!/usr/bin/env bash
# Prints a Python interpreter that can make virtual environments: version 3.11 to 3.13, or exactly the one given.
# Usage: tools/find_python.sh [3.13]      The variable PYTHON names one outright.
set -euo pipefail
exact="${1:-}"

resolve() { # interpreter, version -> its own path, where it has the version and can make environments with pip
    "$1" - "$2" 2>/dev/null <<'PYTHON'
import sys
import ensurepip, venv
exact = sys.argv[1]
here = "%d.%d" % sys.version_info[:2]
if not (here == exact if exact else (3, 11) <= sys.version_info[:2] <= (3, 13)):
    sys.exit(1)
print(sys.executable)
PYTHON
}

if [ -n "${PYTHON:-}" ]; then
    if resolve "$PYTHON" "$exact"; then exit 0; fi
    # One that does for the solver is no mistake where a Blender asks for exactly another: that one is looked for as ever.
    if [ -z "$exact" ] || ! resolve "$PYTHON" "" >/dev/null; then
        echo "PYTHON=$PYTHON is no Python 3.11, 3.12 or 3.13 that can make virtual environments (it needs venv and ensurepip)." >&2
        exit 1
    fi
fi

candidates=(python3.11 python3.12 python3.13 python3 python)
for version in 3.11 3.12 3.13; do
    for found in "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version"*/bin/python; do candidates+=("$found"); done
done

for candidate in "${candidates[@]}"; do
    if resolve "$candidate" "$exact"; then exit 0; fi
done

wanted="Python ${exact:-3.11, 3.12 or 3.13}"
{
    echo "No $wanted that can make virtual environments was found."
    echo "Install it (Debian, Ubuntu: sudo apt-get install python${exact:-3.11} python${exact:-3.11}-venv), or name one: make setup PYTHON=/path/to/python${exact:-3.11}"
} >&2
exit 1
