"""Bounds of the augmentations' options; each check raises a ValueError that names the option and the allowed values."""

from __future__ import annotations


def check_fractions(name: str, **fractions: float) -> None:
    """Raise an error for probabilities outside 0 to 1 and other fractions outside 0 to 0.99."""
    for option, value in fractions.items():
        top = 1.0 if option in ("flip", "erase") else 0.99
        if not 0 <= value <= top:
            raise ValueError(f"{name}: {option} is {value}; it must be from 0 to {top:g}")


def check_angles(name: str, **angles: float) -> None:
    """Raise an error for angles in degrees outside 0 to 180, or 0 to 60 for a shear."""
    for option, value in angles.items():
        top = 60 if option == "shear_range" else 180
        if not 0 <= value <= top:
            raise ValueError(f"{name}: {option} is {value} degrees; it must be from 0 to {top}")


def check_whole_pixels(name: str, image_size: int, **shifts: float) -> None:
    """Raise an error for shifts below one pixel, which have no effect: albumentations truncates to whole pixels."""
    for option, fraction in shifts.items():
        if 0 < fraction * image_size < 1:
            raise ValueError(f"{name}: {option} {fraction} is less than a pixel of {image_size}; use 0, or more")


def check_pair(name: str, option: str, pair: tuple[float, float], top: float) -> None:
    """Raise an error for a range that is not two numbers, 0 < smaller <= larger <= ``top``."""
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= top:
        raise ValueError(f"{name}: {option} is {pair}; it must be two numbers, 0 < smaller <= larger <= {top:g}")


def check_filled(name: str, fill_mode: str, *moves: float) -> None:
    """Raise an error if a border fill is set although no operation moves pixels."""
    if fill_mode != "nearest" and not any(moves):
        raise ValueError(f"{name}: fill_mode {fill_mode} has no effect where nothing is moved; leave it out")
