"""Networks as scikit-learn's estimators, which the extra ``sklearn`` brings, and tables as what networks take.

They go wherever scikit-learn's own go: into pipelines and searches, behind calibration, under its metrics.
"""

from .._extras import missing

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
