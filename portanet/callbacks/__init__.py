"""What a Trainer calls while it trains: early stopping, checkpoints, logs, progress, curves.

Read callback.py first: Callback has all hooks, and the others are a few lines each.
"""

from portanet.callbacks.callback import Callback
from portanet.callbacks.checkpoints import Checkpoints
from portanet.callbacks.curves import LearningCurves
from portanet.callbacks.early_stopping import EarlyStopping
from portanet.callbacks.guard import Guard
from portanet.callbacks.logs import CSVLog, JSONLog
from portanet.callbacks.progress import Progress
from portanet.callbacks.signals import StopOnSignal
from portanet.callbacks.tensorboard import TensorBoardLog

__all__ = [
    "CSVLog",
    "Callback",
    "Checkpoints",
    "EarlyStopping",
    "Guard",
    "JSONLog",
    "LearningCurves",
    "Progress",
    "StopOnSignal",
    "TensorBoardLog",
]
