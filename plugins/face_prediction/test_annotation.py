"""Annotated pictures: where the labels of faces that stand close together go."""

import numpy as np
from fer_face_prediction.annotation import CERTAIN, annotate
from fer_face_prediction.picture import Picture
from fer_face_prediction.pipeline import PredictedFace, PredictedPicture
from PIL import ImageColor

CLASSES = ["surprise", "happy"]


def labels_of(*boxes, height=300):
    """Return the number of label pixels of each face alone, and of all together."""
    pixels = np.zeros((height, 400, 3), np.uint8)
    faces = tuple(PredictedFace(box, 1.0, np.array([0.75, 0.25]), ()) for box in boxes)

    def filled(some):
        drawn = annotate(PredictedPicture(Picture("one.png", pixels), "lbp", some), CLASSES)
        return int((drawn != 0).any(2).sum()), (drawn == ImageColor.getrgb(CERTAIN)).all(2)

    return [filled((face,))[0] for face in faces], filled(faces)


def test_labels_of_faces_side_by_side_do_not_cover_one_another():
    alone, (together, _) = labels_of((60, 100, 100, 140), (104, 100, 144, 140), (148, 100, 188, 140))
    assert together > 0.97 * sum(alone)  # boxes may cross a label's edge


def test_no_label_leaves_the_picture():
    alone, (together, green) = labels_of((350, 0, 400, 40), (345, 250, 400, 300))
    assert together == sum(alone)
    assert green[:, 300:345].any()  # the labels are wider than the boxes and were moved to the left


def test_more_labels_than_places():
    _, (together, _) = labels_of(*[(100, 30, 140, 70)] * 9, height=100)
    assert together > 0
    assert together == labels_of(*[(100, 30, 140, 70)] * 4, height=100)[1][0]  # those that find none lie on the first
