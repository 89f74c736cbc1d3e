"""A W&B dashboard as code, and runs in MLflow."""
