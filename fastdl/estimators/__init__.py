"""Networks as scikit-learn's estimators, which need the extra ``sklearn``, and an encoder of tables.

They work wherever scikit-learn's own do: in pipelines and searches, with calibration and its metrics.
"""

from typing import TYPE_CHECKING

from .._extras import missing
from .._hints.names import hinting_getattr

try:
    import sklearn as _  # noqa: F401
except ImportError:
    raise missing("fastdl.estimators", "scikit-learn", "sklearn") from None

from .classifier import NetClassifier
from .ensemble import NetEnsemble
from .regressor import NetRegressor
from .tables import TableEncoder
from .transformer import NetTransformer

__all__ = ["NetClassifier", "NetEnsemble", "NetRegressor", "NetTransformer", "TableEncoder"]

if not TYPE_CHECKING:
    __getattr__ = hinting_getattr(__name__, __all__)
