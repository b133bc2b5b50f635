"""Names of types that many modules use."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Shape = tuple[Any, ...]  # of one sample; None where the first axis, time, is of any length
