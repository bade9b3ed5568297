#!/usr/bin/env bash
# Makes the environment of one Blender's Python module (bpy), with the Python that this Blender has.
# Usage: tools/make_blender.sh 4.5 [pip's options]
# Where the machine has no such Python, Blender 5.2 and later are named and left out; with FACE_SOLVE_CI=1 that is an error.
set -euo pipefail
version="$1" folder=".venv-bpy-$1" tools="$(dirname "$0")"
case "$version" in
    4.*) python=3.11 packages=("bpy~=$version.0" "numpy<2") ;; # those Blenders have NumPy 1
    *) python=3.13 packages=("bpy~=$version.0") ;;
esac
if [ "$python" = 3.13 ] && [ "${FACE_SOLVE_CI:-}" != 1 ] && ! "$tools/find_python.sh" "$python" >/dev/null 2>&1; then
    echo "Blender $version is left out of the tests: its module needs Python $python, which this machine does not have." >&2
    exit 0
fi
"$tools/make_environment.sh" "$folder" "$python"
"$folder/bin/python" -m pip install "${@:2}" "${packages[@]}"
touch "$folder/.installed" # last: an installation that was interrupted is taken up again
