"""What may happen between the steps of a training."""

from .averaging import EMA, SWA
from .base import Callback
from .checkpoint import ModelCheckpoint
from .csv_logger import CSVLogger
from .early_stopping import EarlyStopping
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
    "LearningRateSchedule",
    "ModelCheckpoint",
    "PrintEpochs",
    "Progress",
    "ReduceLROnPlateau",
    "TensorBoard",
]
