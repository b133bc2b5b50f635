"""Callbacks: objects that `fit` calls between the steps of a training."""

from typing import TYPE_CHECKING

from .._lazily import lazily
from .base import Callback

__all__ = [
    "EMA",
    "SWA",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "JSONLogger",
    "LearningRateSchedule",
    "LiveCurves",
    "Logger",
    "MLflow",
    "ModelCheckpoint",
    "OptunaPruning",
    "PrintEpochs",
    "Progress",
    "ReduceLROnPlateau",
    "Run",
    "TensorBoard",
]

if TYPE_CHECKING:
    from .averaging import EMA, SWA
    from .checkpoint import ModelCheckpoint
    from .early_stopping import EarlyStopping
    from .line_loggers import CSVLogger, JSONLogger
    from .live_curves import LiveCurves
    from .logger import Logger, Run
    from .mlflow import MLflow
    from .optuna import OptunaPruning
    from .print_epochs import PrintEpochs
    from .progress import Progress
    from .rates import LearningRateSchedule, ReduceLROnPlateau
    from .tensorboard import TensorBoard
else:
    __getattr__, __dir__ = lazily(
        globals(),
        {
            "averaging": ["EMA", "SWA"],
            "checkpoint": ["ModelCheckpoint"],
            "early_stopping": ["EarlyStopping"],
            "line_loggers": ["CSVLogger", "JSONLogger"],
            "live_curves": ["LiveCurves"],
            "logger": ["Logger", "Run"],
            "mlflow": ["MLflow"],
            "optuna": ["OptunaPruning"],
            "print_epochs": ["PrintEpochs"],
            "progress": ["Progress"],
            "rates": ["LearningRateSchedule", "ReduceLROnPlateau"],
            "tensorboard": ["TensorBoard"],
        },
    )
