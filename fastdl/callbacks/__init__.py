"""What may happen between the steps of a training."""

from .averaging import EMA, SWA
from .base import Callback
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
