"""The contract as executable checks, which a plug-in's author can run on an object before installing it.

Every check collects all problems and raises a single ``ContractError`` that names the object and, for each broken rule,
what was observed and how to fix it.
"""

from fer_plugins.testing.architecture import check_architecture
from fer_plugins.testing.augmentation import check_augmentation
from fer_plugins.testing.callback import check_callback
from fer_plugins.testing.command import check_command
from fer_plugins.testing.dataset import check_dataset
from fer_plugins.testing.detector import check_detector
from fer_plugins.testing.findings import ContractError
from fer_plugins.testing.logger import check_logger
from fer_plugins.testing.loss import check_loss
from fer_plugins.testing.metric import check_metric
from fer_plugins.testing.pooling import check_pooling
from fer_plugins.testing.protocol import check_protocol
from fer_plugins.testing.real_data import find_fer2013
from fer_plugins.testing.search import check_search

__all__ = [
    "ContractError",
    "check_architecture",
    "check_augmentation",
    "check_callback",
    "check_command",
    "check_dataset",
    "check_detector",
    "check_logger",
    "check_loss",
    "check_metric",
    "check_pooling",
    "check_protocol",
    "check_search",
    "find_fer2013",
]
