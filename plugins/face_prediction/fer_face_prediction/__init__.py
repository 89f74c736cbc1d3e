"""Prediction on new pictures, videos and camera streams with a trained run: ``predictor.Predictor``."""
