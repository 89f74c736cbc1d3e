"""Names of expressions: the one spelling used here, and what the field's releases write for it."""

from __future__ import annotations

# In the order of FER2013's codes, contempt last, as in most releases with eight classes.
EXPRESSIONS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
SYNONYMS = {
    "anger": ("anger", "angry"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid"),
    "happy": ("happy", "happiness", "joy"),
    "sad": ("sad", "sadness"),
    "surprise": ("surprise", "surprised", "suprise"),  # the last stands in copies that are passed around
    "neutral": ("neutral", "neutrality"),
    "contempt": ("contempt", "contemptuous"),
}
_BY_SYNONYM = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}


def expression_of(label: str) -> str | None:
    """Return the expression that a label or a folder's name means, in any case, or None.

    >>> expression_of("Angry"), expression_of("6")
    ('anger', None)
    """
    return _BY_SYNONYM.get(label.strip().lower())
