"""Prediction on new pictures, videos and the camera with a trained run."""

from fer_plugins.analysis.prediction.predictor import Predictor as Predictor
