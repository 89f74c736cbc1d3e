"""What others take from here: the predictions of a split, the proof of their pairing, and their scores."""

from fer_plugins.metrics.pairing import PairingError, check_pairing, looks_unpaired
from fer_plugins.metrics.predictions import Predictions
from fer_plugins.metrics.scorer import Scorer
from fer_plugins.metrics.scores import Scores, score

__all__ = ["PairingError", "Predictions", "Scorer", "Scores", "check_pairing", "looks_unpaired", "score"]
