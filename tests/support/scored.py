"""Scores of made-up answers."""

from fer_plugins.metrics.calibration import calibration_error, squared_errors


def score_calibration(predictions):
    """The two scores that say whether probabilities mean what they say."""
    return {"brier": float(squared_errors(predictions).mean()), "ece": calibration_error(predictions)}
