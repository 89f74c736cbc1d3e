"""What the splits of a dataset are called: one table for folders, columns, files and lists of every dataset."""

from __future__ import annotations

import re

_WORDS = {
    "train": ("train", "training", "trainval", "tr"),
    "val": ("val", "valid", "validation", "dev", "development", "eval", "publictest"),
    "test": ("test", "testing", "privatetest", "ts"),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}
_AFFIXES = re.compile(
    r"^(?:fer2013|ferplus|rafdb|affectnet)|(?:set|data|dataset|images|faces|split|part|list|labels?)$"
)


def split_of(name: str) -> str | None:
    """Return the split that a folder, a column's entry or a file's stem names, in any case; None where it names none.

    PublicTest of FER-2013 is its validation split, PrivateTest its test split. Words such as ``set`` around the name,
    and the numbers of a shard, do not matter.

    >>> split_of("Train_set"), split_of("PublicTest"), split_of("FER2013Test"), split_of("test-00000-of-00002")
    ('train', 'val', 'test', 'test')
    >>> split_of("happy") is None
    True
    """
    shard = re.sub(r"-\d+-of-\d+$", "", name.strip().casefold())
    word = re.sub(r"[\s_.-]+", "", shard)
    while word not in _SPLITS:
        shorter = _AFFIXES.sub("", word)
        if shorter == word:
            return None
        word = shorter
    return _SPLITS[word]
