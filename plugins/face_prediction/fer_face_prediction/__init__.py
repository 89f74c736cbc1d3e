"""Prediction on new pictures, videos and the camera with a trained run."""

from fer_face_prediction.predictor import Predictor as Predictor
