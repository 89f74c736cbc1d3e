"""Read frames of videos and cameras, and write videos, with OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_face_prediction.picture import Picture, UnreadablePicture, check_sides
from fer_plugins.data.detectors.opencv_package import import_opencv, opencv_command
from fer_plugins.runtime.errors import InputError, RunError


def load_opencv() -> Any:
    """Return OpenCV.

    Raises:
        InputError: OpenCV is not installed.
    """
    try:
        return import_opencv()
    except ImportError as error:
        raise InputError(f"videos and cameras need OpenCV ({error}); {opencv_command()}") from None


def count_frames(path: Path) -> int:
    """Return the number of frames that a video declares; 0 if it declares none."""
    cv2 = load_opencv()
    capture = cv2.VideoCapture(str(path))
    try:
        return max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT))) if capture.isOpened() else 0
    finally:
        capture.release()


def frame_rate(path: Path) -> float:
    """Return a video's frames per second; 25.0 if it does not declare them."""
    cv2 = load_opencv()
    capture = cv2.VideoCapture(str(path))
    try:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()
    return rate if 0 < rate < 1000 else 25.0


def read_video(path: Path, every: int = 1) -> Iterator[Picture]:
    """Yield every ``every``-th frame of a video, from the first.

    Raises:
        InputError: OpenCV is not installed.
        UnreadablePicture: the file does not exist, is not a video, or no frame can be decoded.
    """
    cv2 = load_opencv()
    if not path.is_file():
        raise UnreadablePicture(f"{path}: no such file or directory")
    capture = cv2.VideoCapture(str(path))
    rate = float(capture.get(cv2.CAP_PROP_FPS))
    try:
        number = -1
        for number, (time, pixels) in enumerate(_frames(cv2, capture, every)):
            check_sides(path, pixels.shape[1], pixels.shape[0])
            frame = number * every
            # Containers without time stamps report 0 for all frames.
            yield Picture(str(path), pixels, frame, time if time > 0 or frame == 0 or rate <= 0 else frame / rate)
        if number < 0:
            raise UnreadablePicture(f"{path}: no frame of this video can be decoded; convert it to MP4 (H.264)")
    finally:
        capture.release()


def _frames(cv2: Any, capture: Any, every: int) -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
    place = 0
    while capture.grab():
        if place % every == 0:
            time = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
            readable, pixels = capture.retrieve()
            if not readable:
                return
            yield time, np.ascontiguousarray(pixels[..., ::-1])
        place += 1


def read_camera(number: int, every: int = 1) -> Iterator[Picture]:
    """Yield the frames of a camera until it ends or the caller stops.

    Raises:
        InputError: OpenCV is not installed, or the camera does not exist.
        RunError: the camera stopped before its first frame.
    """
    import time

    cv2 = load_opencv()
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise InputError(f"--camera {number}: there is no such camera, or another program has it; give another")
        started, frame = time.monotonic(), -1
        for frame, (_, pixels) in enumerate(_frames(cv2, capture, every)):
            elapsed = time.monotonic() - started
            yield Picture(f"camera {number}", pixels, frame * every, elapsed, live=True)
        if frame < 0:
            raise RunError(f"--camera {number}: it gives no frame")
    finally:
        capture.release()


class VideoWriter:
    """Write frames to an MP4 file, which gets its final name only when it is complete.

    Args:
        path: output file.
        rate: frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._cv2, self.path, self._rate = load_opencv(), path, rate
        self._unfinished = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._writer: Any = None
        self._written = 0

    def write(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Append a frame, RGB (H, W, 3); all frames have the same size, which the codec requires to be even.

        Raises:
            RunError: the file cannot be written.
        """
        height, width = (side - side % 2 for side in pixels.shape[:2])
        if self._writer is None:
            code = self._cv2.VideoWriter_fourcc(*"mp4v")
            self._writer = self._cv2.VideoWriter(str(self._unfinished), code, self._rate, (width, height))
            if not self._writer.isOpened():
                raise RunError(f"cannot write {self.path}: OpenCV has no encoder for MP4, or the disk is full")
        self._writer.write(np.ascontiguousarray(pixels[:height, :width, ::-1]))
        self._written += 1

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Give the file its final name; after an error, remove it.

        Raises:
            RunError: not all frames are in the file; OpenCV itself does not report a full disk.
        """
        if self._writer is None:
            return
        self._writer.release()
        complete = kind is not None or count_frames(self._unfinished) == self._written
        if kind is None and complete:
            os.replace(self._unfinished, self.path)
            return
        self._unfinished.unlink(missing_ok=True)
        if not complete:
            raise RunError(f"cannot write {self.path}: not all of its {self._written:,} frames; is the disk full?")
