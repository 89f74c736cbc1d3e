"""Exports of a trained run, each checked against the network that it was made of; the verbs export and benchmark."""
