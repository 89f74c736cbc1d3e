"""The geometry of a cartoon face: outlines of its parts, given a person and the strength of each action unit.

Action units (AU) are those of the Facial Action Coding System (Ekman, Friesen: Facial Action Coding System, Consulting
Psychologists Press 1978): each moves what its muscle moves. assumed: how far; it is exaggerated, as in a cartoon, so
that an expression is visible at 48 x 48 pixels. Lengths are in half image sides: the image spans -1 to 1 from left to
right and from top to bottom, and the face looks straight at the camera.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fer_plugins.data.synthetic_faces.face_shapes import (
    CIRCLE,
    Actions,
    Identity,
    Oval,
    Part,
    Point,
    Shape,
    curve,
    stroke,
)


def head(identity: Identity, left: Actions, right: Actions) -> Iterator[Oval]:
    """Yield hair, neck, skull and jaw, from back to front."""
    width, jaw = identity.head_width, identity.head_width * identity.jaw_width
    drop = 0.06 * (left.get(26, 0) + right.get(26, 0)) - 0.02 * (left.get(17, 0) + right.get(17, 0))
    chin = identity.chin + drop
    if identity.long_hair:
        yield Oval(Part.HAIR, 0.0, 0.15, width + 0.14, 1.0)
    yield Oval(Part.HAIR, 0.0, -0.27, width + 0.09, 0.76)
    yield Oval(Part.SHADE, 0.0, 0.85, 0.55 * jaw, 0.6)
    if identity.beard > 0:
        yield Oval(Part.BEARD, 0.0, chin - 0.8, jaw, 0.8)
        yield Oval(Part.SKIN, 0.0, -0.23, width, 0.69)
    else:
        yield Oval(Part.SKIN, 0.0, -0.2, width, 0.72)
        yield Oval(Part.SKIN, 0.0, chin - 0.8, jaw, 0.8)


def features(identity: Identity, left: Actions, right: Actions) -> Iterator[Shape]:
    """Yield all parts inside the outline of the head, from back to front.

    Args:
        identity: The person.
        left: Action units of the left half of the image.
        right: Action units of the right half of the image; faces are never exactly symmetric.
    """
    yield _fringe(identity)
    yield from _nose(identity, left, right)
    for sign, au in ((-1.0, left), (1.0, right)):
        yield from _eye(identity, au, sign)
    yield from _mouth(identity, left, right)
    for sign, au in ((-1.0, left), (1.0, right)):
        yield from _brow(identity, au, sign)
    if identity.glasses:
        yield from _glasses(identity)


def _brow(identity: Identity, au: Actions, sign: float) -> Iterator[Shape]:
    inner_up, outer_up, lower, wrinkle = au.get(1, 0.0), au.get(2, 0.0), au.get(4, 0.0), au.get(9, 0.0)
    y = identity.eye_height - identity.brow_height
    lowered = lower * (
        1 - min(1.0, 0.85 * inner_up)
    )  # together with the inner raiser, the lowerer only draws brows together
    inner = 0.16 - 0.06 * lower, y - 0.17 * inner_up + 0.14 * lowered + 0.08 * wrinkle
    outer = identity.eye_distance + 0.22, y + identity.brow_tilt - 0.15 * outer_up + 0.06 * inner_up * (1 - outer_up)
    arch = (inner[1] + outer[1]) / 2 - 0.06 - 0.06 * min(inner_up, outer_up) * (1 - lower) + 0.08 * lowered
    bend = (inner[0] + outer[0]) / 2, arch
    start, middle, end = ((sign * across, down) for across, down in (inner, bend, outer))
    yield Shape(Part.BROW, stroke(start, middle, end, identity.brow_thickness))
    if lowered > 0.2:  # the vertical furrow between the brows
        top, foot = inner[1] - 0.08, inner[1] + 0.10
        furrow = stroke((sign * 0.05, top), (sign * 0.065, inner[1]), (sign * 0.045, foot), 0.05 * lowered)
        yield Shape(Part.FOLD, furrow, Part.SKIN)
    if inner_up > 0.2:  # furrows across the forehead, as wide as the raised part of the brow
        reach = 0.14 + 0.3 * outer_up
        for line in (y - 0.27, y - 0.38):
            furrow = stroke((0.0, line), (sign * reach / 2, line - 0.02), (sign * reach, line + 0.03), 0.04 * inner_up)
            yield Shape(Part.FOLD, furrow, Part.SKIN)


def _eye(identity: Identity, au: Actions, sign: float) -> Iterator[Shape]:
    raised, cheek, tight = au.get(5, 0.0), au.get(6, 0.0), au.get(7, 0.0)
    open_share = 1 - 0.95 * min(1.0, au.get(43, 0.0))
    x, y, width, opening = sign * identity.eye_distance, identity.eye_height, identity.eye_width, identity.eye_opening
    upper = 2 * open_share * max(0.15, 1 + 0.85 * raised - 0.3 * cheek - 0.45 * tight * (1 - 0.6 * raised)) * opening
    lower = 1.4 * open_share * max(0.05, 1 + 0.25 * raised - 0.9 * cheek - 0.55 * tight) * opening
    slant = 0.04 * au.get(1, 0.0) * au.get(4, 0.0) * (1 - au.get(2, 0.0))  # grief: the lid follows the inner brow
    inner, outer = (x - sign * width, y + 0.01 - slant), (x + sign * width, y - 0.01 + slant)
    if cheek > 0.2:  # the lifted cheek's crease and the crow's feet
        crease = y + lower / 2 + 0.12
        start, end = (x - sign * 0.9 * width, crease + 0.02), (x + sign * 1.2 * width, crease - 0.07)
        yield Shape(Part.FOLD, stroke(start, (x, crease + 0.06), end, 0.04 * cheek), Part.SKIN)
        for rise in (-0.07, 0.06):
            start, end = (outer[0] + sign * 0.03, outer[1]), (outer[0] + sign * 0.13, outer[1] + rise)
            yield Shape(Part.FOLD, stroke(start, (end[0] - sign * 0.05, end[1]), end, 0.04 * cheek), Part.SKIN)
    crown = (x, y - upper - slant)
    yield Shape(Part.SCLERA, np.concatenate([curve(inner, crown, outer), curve(outer, (x, y + lower), inner)]))
    yield Shape(Part.IRIS, CIRCLE * 0.095 + (x, y - 0.02), Part.SCLERA)
    yield Shape(Part.LASH, CIRCLE * 0.045 + (x, y - 0.02), Part.IRIS)  # the pupil
    yield Shape(Part.LASH, stroke(inner, crown, outer, 0.05))


def _nose(identity: Identity, left: Actions, right: Actions) -> Iterator[Shape]:
    tip, width = identity.nose_height, identity.nose_width
    for sign, au in ((-1.0, left), (1.0, right)):
        wrinkle, smile, stretch = au.get(9, 0.0), au.get(12, 0.0), au.get(20, 0.0)
        y, wing = tip - 0.05 * wrinkle, sign * width * (1 + 0.3 * wrinkle + 0.1 * smile)
        yield Shape(Part.SHADE, stroke((sign * 0.07, -0.08), (sign * 0.08, y - 0.15), (wing, y), 0.05), Part.SKIN)
        yield Shape(Part.FOLD, stroke((sign * 0.02, y + 0.03), (wing * 0.7, y), (wing, y + 0.01), 0.06))
        if wrinkle > 0.2:  # wrinkles across the root of the nose
            for down in (0.0, 0.09, 0.18):
                bend, end = (sign * 0.08, down - 0.1), (sign * (0.12 + down / 3), down - 0.02)
                yield Shape(Part.FOLD, stroke((0.0, down - 0.08), bend, end, 0.045 * wrinkle), Part.SKIN)
        fold = max(smile, wrinkle, 0.5 * stretch)
        if fold > 0.2:  # the fold from the nose around the mouth
            start = wing + sign * 0.05, y - 0.03
            end = sign * (identity.mouth_width + 0.12 + 0.1 * smile), identity.mouth_height - 0.05 - 0.04 * smile
            yield Shape(Part.FOLD, stroke(start, (end[0] - sign * 0.04, y + 0.02), end, 0.05 * fold), Part.SKIN)


def _mouth(identity: Identity, left: Actions, right: Actions) -> Iterator[Shape]:
    def mean(unit: int) -> float:
        return (left.get(unit, 0.0) + right.get(unit, 0.0)) / 2

    y, drop, chin, grief, smile = identity.mouth_height, mean(26), mean(17), mean(15), mean(12)
    if identity.moustache:
        yield Shape(Part.BROW, stroke((-0.24, y - 0.06), (0.0, y - 0.30), (0.24, y - 0.06), 0.12))
    start, end = _corner(identity, left, -1.0), _corner(identity, right, 1.0)
    # y of the inner edges of the lips at their centre, as control points of the curves between the corners
    over = y + 0.06 * smile - 0.10 * grief - 0.09 * mean(9) - 0.06 * drop - 0.05 * chin
    fall = 0.62 * drop * (1 - 0.45 * mean(20))  # a stretched mouth opens less
    under = over + fall + 0.20 * mean(25) * (0.6 + smile) + 0.16 * mean(16)
    full = identity.lip_fullness * (1 - 0.6 * max(mean(23), mean(24)))
    third = (end[0] - start[0]) / 3
    bow = curve(start, (start[0] + third, over - 2.2 * full), (end[0] - third, over - 2.2 * full), end)
    yield Shape(Part.LIP, np.concatenate([bow, curve(end, (0.0, under + 2.6 * full), start)]))
    if under - over > 0.07:
        upper, lower = curve(start, (0.0, over), end), curve(end, (0.0, under), start)
        yield Shape(Part.MOUTH, np.concatenate([upper, lower]))
        teeth = min(0.16, 0.6 * (under - over)) * (1 - 0.6 * drop)
        yield Shape(Part.TEETH, np.concatenate([upper, curve(end, (0.0, over + teeth), start)]))
        if drop > 0.3:
            tongue = curve(start, (0.0, under - 0.25 * drop), end)
            yield Shape(Part.TONGUE, np.concatenate([tongue, lower]), Part.MOUTH)
    else:
        yield Shape(Part.LIP_LINE, stroke(start, (0.0, over), end, 0.045))
    if grief > 0.2:  # the fold below a lowered corner
        for (x, top), sign in ((start, -1.0), (end, 1.0)):
            fold = stroke((x, top), (x + sign * 0.05, top + 0.02), (x + sign * 0.07, top + 0.10), 0.05 * grief)
            yield Shape(Part.FOLD, fold)
    if chin > 0.2:  # the chin boss bulges under the pushed-up lip
        fold = stroke((-0.14, y + 0.25), (0.0, y + 0.13), (0.14, y + 0.25), 0.05 * chin)
        yield Shape(Part.FOLD, fold, Part.SKIN)


def _corner(identity: Identity, au: Actions, sign: float) -> Point:
    """Return a corner of the mouth."""
    smile, stretch, drop = au.get(12, 0.0), au.get(20, 0.0), au.get(26, 0.0)
    wide = 1 + 0.3 * smile + 0.35 * stretch - 0.2 * au.get(23, 0.0) - 0.3 * drop * (1 - stretch)
    down = -0.17 * smile + 0.14 * au.get(15, 0.0) + 0.06 * stretch + 0.06 * drop
    return sign * identity.mouth_width * wide, identity.mouth_height + down


def _glasses(identity: Identity) -> Iterator[Shape]:
    reach, y = identity.eye_distance, identity.eye_height + 0.03
    ring = np.concatenate([CIRCLE, CIRCLE[:1]])
    for sign in (-1.0, 1.0):
        middle = np.array((sign * reach, y))
        rim = np.concatenate([middle + ring * (0.27, 0.22), middle + ring[::-1] * (0.235, 0.185)])
        yield Shape(Part.GLASSES, rim)
        hinge, ear = (sign * (reach + 0.25), y - 0.03), (sign * (reach + 0.5), y - 0.06)
        yield Shape(Part.GLASSES, stroke(hinge, (sign * (reach + 0.35), y - 0.05), ear, 0.05))
    gap = reach - 0.24
    yield Shape(Part.GLASSES, stroke((-gap, y - 0.03), (0.0, y - 0.08), (gap, y - 0.03), 0.05))


def _fringe(identity: Identity) -> Shape:
    """Return the hair over the forehead, down to the hairline."""
    side, temple, line, middle = (
        identity.head_width,
        -0.35,
        identity.hairline,
        (identity.parting, identity.hairline - 0.12),
    )
    right, left = (side, temple), (-side, temple)
    rim = np.concatenate([curve(right, (side - 0.05, line), middle), curve(middle, (0.05 - side, line), left)])
    return Shape(Part.HAIR, np.concatenate([np.array([(-side, -1.0), (side, -1.0)]), rim]), Part.SKIN)


def strand(top: float, tip: float) -> Shape:
    """Return hair falling over the face, from x = ``top`` at the forehead to x = ``tip`` at the cheek."""
    return Shape(Part.HAIR, stroke((top, -0.8), (top, -0.2), (tip, 0.3), 0.14))
