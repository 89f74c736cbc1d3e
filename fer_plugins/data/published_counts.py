"""Images per class of released datasets, as published with them."""

from __future__ import annotations

from fer_plugins.data.expressions import EXPRESSIONS

_SEVEN = EXPRESSIONS[:7]
# The columns of FER2013's csv: Training, PublicTest, PrivateTest.
FER2013 = {
    "train": dict(zip(_SEVEN, (3995, 436, 4097, 7215, 4830, 3171, 4965), strict=True)),
    "val": dict(zip(_SEVEN, (467, 56, 496, 895, 653, 415, 607), strict=True)),
    "test": dict(zip(_SEVEN, (491, 55, 528, 879, 594, 416, 626), strict=True)),
}
JAFFE = dict(zip(_SEVEN, (30, 29, 32, 31, 31, 30, 30), strict=True))
RAFDB = {  # images with one basic expression
    "train": dict(zip(_SEVEN, (705, 717, 281, 4_772, 1_982, 1_290, 2_524), strict=True)),
    "test": dict(zip(_SEVEN, (162, 160, 74, 1_185, 478, 329, 680), strict=True)),
}
# CK+: labelled sequences per class; none of them is neutral.
CKPLUS_SEQUENCES = dict(
    zip([name for name in EXPRESSIONS if name != "neutral"], (45, 59, 25, 69, 28, 83, 18), strict=True)
)
# FERG: the page of the release only gives the total, not classes or splits.
# https://grail.cs.washington.edu/projects/deepexpr/ferg-2d-db.html
FERG_IMAGES = 55_767
# AffectNet, manually annotated part: the release gives no counts of its lists. They were counted in training.csv and
# validation.csv by https://github.com/coder-xinxiaohai/AffectNet_Processing, for seven classes. Because this source is
# second-hand, different counts are not reported as contradictions.
AFFECTNET_TRAIN = dict(zip(_SEVEN, (24_882, 3_803, 6_378, 134_415, 25_459, 14_090, 74_874), strict=True))
AFFECTNET_VALIDATION = dict.fromkeys((*_SEVEN, "contempt"), 500)
