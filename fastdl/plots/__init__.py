"""Pictures of what networks learn and do, by matplotlib, which the extra ``plot`` brings.

Each gives a matplotlib ``Figure``, which a notebook shows, and saves it where a ``path`` is given; none needs a screen.
"""

from ..looking.inside import attention_weights
from .attention import plot_attention
from .confusion import confusion_matrix, plot_confusion
from .filters import plot_filters

__all__ = ["attention_weights", "confusion_matrix", "plot_attention", "plot_confusion", "plot_filters"]
