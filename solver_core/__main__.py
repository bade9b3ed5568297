"""`python -m solver_core`."""

import sys

from solver_core.service.cli import main

sys.exit(main())
