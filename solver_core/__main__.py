"""`python -m solver_core`."""

import os
import sys

# Python puts the working directory first, which may be a stranger's. Only a checkout's, where this very file lies, is
# kept. What Python itself imports before this line, and a solver_core of the stranger's, only `python -P` keeps out
# (docs/security.md).
if not sys.flags.safe_path and sys.path[0] != __file__[: -len("/solver_core/__main__.py")]:
    del sys.path[0]

# One thread a process: frames are worked on side by side (solver_core/executors). Libraries read this when they are
# loaded, which the next line does.
os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
)

from solver_core.service.cli import main

sys.exit(main())
