"""What several tests share; ``from support import fake_datasets`` (pytest puts ``tests`` on the path)."""

from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the repository
