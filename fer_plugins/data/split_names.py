"""Recognizes names of the splits train, val and test in folders, columns, files and lists."""

from __future__ import annotations

import re

_WORDS = {
    "train": ("train", "training", "trainval", "trn", "tr"),
    "val": ("val", "valid", "validation", "validate", "vld", "dev", "development", "eval", "publictest"),
    "test": ("test", "testing", "privatetest", "tst", "ts"),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}
_AFFIXES = re.compile(
    r"^(?:fer2013|fer\+|ferplus|fer|raf-?db|raf|affectnet|ck\+?|ckplus|dataset|data|images|faces|labels|annotations"
    r"|lists?|split|cropped|aligned|x|y)"
    r"|(?:set|data|dataset|images?|imgs|faces|split|part|lists?|labels?|annotations|class(?:es)?|csv|aligned|cropped)$"
    r"|(?<=[a-z]{3})\d+$"  # train2017, test1; but not tr1, which may be a person
)


def split_of(name: str) -> str | None:
    """Return the split named by a folder, a column entry or a file stem, ignoring case, or None.

    PublicTest of FER-2013 is its validation split, PrivateTest its test split. Words such as ``set`` around the name
    and shard numbers are ignored.

    >>> split_of("Train_set"), split_of("PublicTest"), split_of("FER2013Test"), split_of("test-00000-of-00002")
    ('train', 'val', 'test', 'test')
    >>> split_of("raf_train"), split_of("val2017"), split_of("x-test")
    ('train', 'val', 'test')
    >>> split_of("happy"), split_of("dataset"), split_of("7")
    (None, None, None)
    """
    shard = re.sub(r"-\d+-of-\d+$", "", name.strip().casefold())
    word = re.sub(r"[\s_.-]+", "", shard)
    while word not in _SPLITS:
        shorter = _AFFIXES.sub("", word)
        if shorter == word:
            return None
        word = shorter
    return _SPLITS[word]
