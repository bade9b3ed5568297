"""`python -m solver_core`."""

import sys

from solver_core.cli import main

sys.exit(main())
