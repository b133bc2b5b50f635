"""Sweeps: one network for each of many settings, trained side by side, to find the best settings.

`sweep` runs them and keeps a record; `table` and `picture` show the results. ``fastdl sweep`` does all this for
networks of images.
"""

from .picture import picture
from .running import grid, sweep
from .table import table
from .trials import Trial

__all__ = ["Trial", "grid", "picture", "sweep", "table"]
