#!/usr/bin/env bash
# Makes a virtual environment in a folder, unless a whole one is there: one whose making was interrupted has no pip, and is made anew.
# Usage: tools/make_environment.sh FOLDER [3.11]      The version, and the variable PYTHON, as for find_python.sh.
set -euo pipefail
folder="$1"
if "$folder/bin/python" -m pip --version >/dev/null 2>&1; then exit 0; fi
python="$("$(dirname "$0")/find_python.sh" "${@:2}")"
echo "Making $folder with $python"
"$python" -m venv --clear "$folder"
