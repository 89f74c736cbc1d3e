"""Exports of a trained run, each checked against the original network; the verbs export and benchmark."""
