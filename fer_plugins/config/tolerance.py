"""Makes libraries that read entry points skip damaged metadata of other distributions."""

from __future__ import annotations

from importlib import metadata


def tolerate_damage() -> None:
    """Make torch, Lightning and Matplotlib, which look for their own entry points, skip damaged distributions.

    They do so on import through ``importlib.metadata``, which raises on the first damaged file, so that no run would
    start while a damaged distribution is installed. For use by commands, because it patches that module for the whole
    process.
    """
    read = metadata.Distribution.entry_points.fget  # type: ignore[attr-defined]
    if getattr(read, "tolerates_damage", False):
        return

    def entry_points(distribution: metadata.Distribution) -> metadata.EntryPoints:
        try:
            entries: metadata.EntryPoints = read(distribution)
            for entry in entries:
                _ = entry.module  # raises here, rather than when a library loads it, if the value is not a module
        except Exception:
            return metadata.EntryPoints()
        return entries

    entry_points.tolerates_damage = True  # type: ignore[attr-defined]
    metadata.Distribution.entry_points = property(entry_points)  # type: ignore[method-assign, assignment]
