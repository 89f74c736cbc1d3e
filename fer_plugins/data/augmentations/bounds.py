"""Bounds of the augmentations' options; each refusal is a ValueError that names the option and what is legal."""

from __future__ import annotations


def check_fractions(name: str, **fractions: float) -> None:
    """Refuse probabilities outside 0 to 1, and other fractions above 0.99."""
    for option, value in fractions.items():
        top = 1.0 if option in ("flip", "erase") else 0.99
        if not 0 <= value <= top:
            raise ValueError(f"{name}: {option} is {value}; it must be from 0 to {top:g}")


def check_angles(name: str, **angles: float) -> None:
    """Refuse angles in degrees outside 0 to 180, of a shear to 60."""
    for option, value in angles.items():
        top = 60 if option == "shear_range" else 180
        if not 0 <= value <= top:
            raise ValueError(f"{name}: {option} is {value} degrees; it must be from 0 to {top}")


def check_whole_pixels(name: str, image_size: int, **shifts: float) -> None:
    """Refuse shifts that would do nothing: albumentations cuts them to whole pixels."""
    for option, fraction in shifts.items():
        if 0 < fraction * image_size < 1:
            raise ValueError(f"{name}: {option} {fraction} is less than a pixel of {image_size}; use 0, or more")


def check_pair(name: str, option: str, pair: tuple[float, float], top: float) -> None:
    """Refuse a range that is not two numbers, 0 < smaller <= larger <= ``top``."""
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= top:
        raise ValueError(f"{name}: {option} is {pair}; it must be two numbers, 0 < smaller <= larger <= {top:g}")


def check_filled(name: str, fill_mode: str, *moves: float) -> None:
    """Refuse a fill of the borders where nothing is moved."""
    if fill_mode != "nearest" and not any(moves):
        raise ValueError(f"{name}: fill_mode {fill_mode} has no effect where nothing is moved; leave it out")
