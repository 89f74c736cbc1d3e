"""Lets libraries that read entry points of their own pass over damaged metadata of other distributions."""

from __future__ import annotations

from importlib import metadata


def tolerate_damage() -> None:
    """Let torch, Lightning and Matplotlib, which ask for entry points of their own, pass over damaged distributions.

    They do so while they are imported, through ``importlib.metadata``, which raises on the first damaged file: without
    this no run begins beside one. For commands; it changes that module for the whole process.
    """
    read = metadata.Distribution.entry_points.fget  # type: ignore[attr-defined]
    if getattr(read, "tolerates_damage", False):
        return

    def entry_points(distribution: metadata.Distribution) -> metadata.EntryPoints:
        try:
            entries: metadata.EntryPoints = read(distribution)
            for entry in entries:
                _ = entry.module  # a value that is no module raises here, and not where a library loads it
        except Exception:
            return metadata.EntryPoints()
        return entries

    entry_points.tolerates_damage = True  # type: ignore[attr-defined]
    metadata.Distribution.entry_points = property(entry_points)  # type: ignore[method-assign, assignment]
