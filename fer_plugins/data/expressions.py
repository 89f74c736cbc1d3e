"""Names of expressions: one spelling each, and the synonyms used in releases."""

from __future__ import annotations

import re

# In the order of the codes of FER2013; contempt is last, as in most releases with eight classes.
EXPRESSIONS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
SYNONYMS = {
    "anger": ("anger", "angry", "angriness"),
    "disgust": ("disgust", "disgusted", "disgusting"),
    "fear": ("fear", "fearful", "fearfull", "afraid", "scared", "scare"),
    "happy": ("happy", "happiness", "joy", "joyful", "smile", "smiling"),
    "sad": ("sad", "sadness"),
    "surprise": ("surprise", "surprised", "suprise", "suprised", "surprize"),  # misspellings in circulating copies
    "neutral": ("neutral", "neutrality", "calm", "natural"),
    "contempt": ("contempt", "contemptuous", "contemptous"),
}
_BY_SYNONYM = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
# As in "0 angry", "01_anger", "3. fear", "class_happy"; "happy faces", "sad_2", "fear (75)".
_BEFORE = re.compile(r"^(?:\d+|class|emotion|expression|label)\s*[._\s-]\s*")
_BEHIND = re.compile(r"(?:[\s_-]+(?:faces?|images?|imgs?|pictures|emotion|expression|class|\d+)|\s*\(\d+\))$")


def expression_of(label: str) -> str | None:
    """Return the expression named by a label or a folder, ignoring case, or None.

    A number before the word, and a number or a word such as ``faces`` after it, are ignored.

    >>> expression_of("Angry"), expression_of("6"), expression_of("01_anger"), expression_of("happy faces")
    ('anger', None, 'anger', 'happy')
    """
    word = label.strip().lower()
    if word in _BY_SYNONYM:
        return _BY_SYNONYM[word]
    return _BY_SYNONYM.get(_BEHIND.sub("", _BEFORE.sub("", word)).strip())
