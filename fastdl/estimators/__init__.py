"""Networks as scikit-learn's estimators, which need the extra ``sklearn``, and an encoder of tables.

They work wherever scikit-learn's own do: in pipelines and searches, with calibration and its metrics.
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
