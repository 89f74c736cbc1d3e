"""What is computed from predictions: metrics, intervals, claims, cost."""
