"""Pictures of what networks learn and do, with matplotlib, which the extra ``plot`` installs.

Each function gives a matplotlib ``Figure``, which notebooks show, and saves it if a ``path`` is given. No screen is
needed.
"""

from typing import TYPE_CHECKING

from .._hints.names import hinting_getattr
from ..inspection.attention import attention_weights
from .attention import plot_attention
from .confusion import confusion_matrix, plot_confusion
from .filters import plot_filters

__all__ = ["attention_weights", "confusion_matrix", "plot_attention", "plot_confusion", "plot_filters"]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
