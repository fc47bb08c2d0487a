"""What the process that kernels are forked from loads, once: libraries, and the compiled kernels.

It must stay without threads, and so runs nothing in parallel.
"""

import gc
import os
from contextlib import suppress

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull  # matplotlib as it comes, whatever the user has set

with suppress(Exception):  # what cannot be imported says so where it is needed
    import ipykernel.kernelapp  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import myst_nb.ext.glue  # noqa: F401
    import numpy as np

    import tools.forks  # noqa: F401
    from schur_lib import kernels
    from study import claims  # noqa: F401
    from study.figures import style  # noqa: F401

    # numba has them in its cache; in a fresh clone it compiles them, here and not in each fork
    for dtype in (np.float32, np.float64):
        x, S, H = (np.zeros(shape, dtype) for shape in ((1, 1, 1), (1, 2), (2, 1, 2)))
        kernels.forward(x, S, 1, False, H, x.copy())
        kernels.backward(H, S, 1, False, 1, x, S.copy(), x.copy())

gc.freeze()  # what is loaded stays: the forks need not look through it for garbage
