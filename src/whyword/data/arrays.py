"""Types of arrays for signatures; the docstrings of functions give the shapes."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Reals = NDArray[np.float64 | np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
