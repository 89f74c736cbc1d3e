"""The contract of ``fer_plugins.detectors``."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_plugins.contract import Face
from fer_plugins.runtime.generators import kept_generators, seed_generators
from fer_plugins.testing.findings import Failed, Findings
from fer_plugins.testing.signature import check_signature

_NOSE = (224, 118)  # x, y of the bridge of the nose in scikit-image's photograph of an astronaut


def check_detector(factory: Callable[..., Any]) -> None:
    """Check a detector: boxes, scores and points of faces, images of any size, and the face in a photograph.

    Args:
        factory: ``(*, typed options) -> detector``; wrap it in ``functools.partial`` to set options.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("detector", factory)
    check_signature(findings, factory, required=(), offered=(), defaults=True)
    with kept_generators():
        seed_generators(0)
        detector = findings.attempt(factory, "builds", "building it", "give every option a default that serves")
        if not isinstance(detector, Failed):
            _check_detector(findings, detector)
    findings.report()


def _check_detector(findings: Findings, detector: Any) -> None:
    from skimage.data import astronaut

    photograph: npt.NDArray[np.uint8] = astronaut()  # type: ignore[no-untyped-call]
    noise = np.random.default_rng(0).integers(0, 256, (97, 150, 3), dtype=np.uint8)
    images = {
        "a photograph of 512x512 pixels": photograph,
        "noise of 97x150 pixels": noise,
        "a black image of 48x48 pixels": np.zeros((48, 48, 3), np.uint8),
        "a white image of 30x200 pixels": np.full((30, 200, 3), 255, np.uint8),
        "an image of one pixel": np.zeros((1, 1, 3), np.uint8),
    }
    if getattr(detector, "takes_grey", False):
        images["a grey photograph"] = np.ascontiguousarray(photograph[..., 1:2])
    point_names = set(getattr(detector, "point_names", ()))
    for name, image in images.items():
        clean = image.copy()
        faces = findings.attempt(
            lambda picture=image: list(detector(picture)),  # type: ignore[misc]  # bound per turn
            "runs",
            name,
            "take uint8 RGB images (H, W, 3) of every size, and return an empty list where there is no face",
        )
        findings.require(np.array_equal(image, clean), "input unchanged", f"{name} was written to", "work on a copy")
        if isinstance(faces, Failed):
            continue
        for face in faces:
            _check_face(findings, face, point_names, name)
    if "runs" in findings or "returns faces" in findings:
        return
    faces = list(detector(photograph))
    x, y = _NOSE
    boxes = [face.box for face in faces]
    findings.require(
        any(left < x < right and top < y < bottom for left, top, right, bottom in boxes),
        "finds the face of a photograph",
        f"skimage.data.astronaut() has a face around x {x}, y {y}; the boxes are {boxes}",
        "give boxes as left, top, right, bottom in pixels of the image, which is RGB",
    )
    seed_generators(1)
    findings.require(
        list(detector(photograph)) == faces,
        "deterministic",
        "a photograph gives other faces the second time",
        "draw nothing at random, and keep nothing of the image before",
    )
    copied = findings.attempt(
        lambda: list(pickle.loads(pickle.dumps(detector))(photograph)),
        "picklable",
        "pickling it and calling the copy",
        "keep options only, and load what cannot be pickled at the first image (leave it out in __getstate__)",
    )
    if not isinstance(copied, Failed):
        findings.require(copied == faces, "picklable", "its copy gives other faces", "keep all options in attributes")


def _check_face(findings: Findings, face: Any, point_names: set[str], where: str) -> None:
    if not findings.require(
        isinstance(face, Face),
        "returns faces",
        f"{where} gives a {type(face).__name__}",
        "return a list of fer_plugins.contract.Face",
    ):
        return
    box = face.box
    findings.require(
        len(box) == 4 and all(map(isfinite, box)) and box[0] < box[2] and box[1] < box[3],
        "boxes are left, top, right, bottom",
        f"{where} gives {box}",
        "give finite pixels with left < right and top < bottom; leave out a face without an area",
    )
    findings.require(
        face.score is None or 0 <= face.score <= 1,
        "scores are in [0, 1]",
        f"{where} gives {face.score}",
        "map the score to [0, 1], or leave it None",
    )
    findings.require(
        set(face.points) <= point_names,
        "points are named in point_names",
        f"{where} gives {sorted(set(face.points) - point_names)}, and point_names is {sorted(point_names)}",
        "list every name in the detector's attribute point_names",
    )
    findings.require(
        all(len(point) == 2 and all(map(isfinite, point)) for point in face.points.values()),
        "points are x, y",
        f"{where} gives {dict(face.points)}",
        "give finite pixels",
    )
    if {"left_eye", "right_eye"} <= set(face.points):
        left, right = face.points["left_eye"], face.points["right_eye"]
        findings.require(
            left[0] <= right[0],
            "left_eye is left in the image",
            f"{where} gives left_eye {left}, right_eye {right}",
            "name the eyes as seen in the image: left_eye has the smaller x",
        )
