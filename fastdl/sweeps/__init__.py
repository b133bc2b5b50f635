"""Sweeps: one network for each of many settings, trained side by side, and which settings are best.

`sweep` runs them and keeps a record, `table` and `picture` show them; ``fastdl sweep`` is all of it for networks of
images.
"""

from .picture import picture
from .running import grid, sweep
from .table import table
from .trials import Trial

__all__ = ["Trial", "grid", "picture", "sweep", "table"]
