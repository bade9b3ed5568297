"""How a function is compiled that only compiled code calls.

It gets no way in from Python, which for named tuples takes long to compile.
"""

from __future__ import annotations

import numba as nb

inner = nb.njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
