"""Prediction on new pictures, videos and the camera with a trained run: ``predictor.Predictor``."""
