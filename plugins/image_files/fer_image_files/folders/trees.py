"""Several folder trees of the same layout in one copy: duplicates, unnamed splits, or two datasets."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence

from fer_image_files.archives.file_set import make_printable
from fer_image_files.archives.root_files import RootFiles
from fer_plugins.runtime.errors import InputError


def sort_trees(files: RootFiles, trees: Mapping[str, Mapping[str, str]]) -> tuple[str, list[str]]:
    """Return the folder of the largest tree, and the folders of the trees that differ from it.

    ``trees`` maps a tree's folder to its files: path in the tree -> name in ``files``. Copies of the largest tree, or
    of a part of it, are removed from ``files``, with a note.
    """
    # The release is the tree with most files, not one with only a list.
    around = {top: sum(name.startswith(f"{top}/") for name in files.names) if top else 0 for top in trees}
    first, *rest = sorted(trees, key=lambda top: (-len(trees[top]), -around[top], len(top), top))
    differing = []
    for top in rest:
        pairs = [(trees[first].get(path, ""), name) for path, name in trees[top].items()]
        if not (all(known for known, _ in pairs) and isinstance(files, RootFiles) and files.are_same(pairs)):
            differing.append(top)
            continue
        note = f"{_shown(top)} holds the same {len(pairs):,} files as {_shown(first)} once more; they were read once."
        files.leave_out([name for _, name in pairs], note)
    return first, differing


def refuse_trees(files: RootFiles, first: str, second: str, form: str) -> InputError:
    """Return the error for two trees that differ; its remedy also works in an archive."""
    chosen = second if not first or second.startswith(f"{first}/") else first
    away = first if not second or first.startswith(f"{second}/") else second
    place = shlex.quote(make_printable(f"{files.path}/{chosen}"))
    return InputError(
        f"{files.path}: holds {form} in {_shown(first)} and in {_shown(second)}, which are not the same; give one of "
        f"them as --data.root {place}, or leave one out with --data.ignore {as_flag([away])}"
    )


def refuse_splits(files: RootFiles, paths: Sequence[str], away: Sequence[str]) -> InputError:
    """Return the error for folders of class folders that name no split; ``away`` may be left out instead."""
    shown = ", ".join(repr(make_printable(path)) for path in paths[:12])
    return InputError(
        f"{files.path}: the folders {shown} hold class folders and name no split; say which they are (train, val or "
        f"test) with {ask_meaning([path.rpartition('/')[2] for path in paths])}, or leave out what is another dataset "
        f"with --data.ignore {as_flag(away[:12])}"
    )


def as_flag(value: Sequence[str] | Mapping[str, str]) -> str:
    r"""Return a list or mapping as written on the command line.

    >>> as_flag(["a b", "c"]), as_flag({"feliz": "happy"})
    ('\'["a b", "c"]\'', '\'{"feliz": "happy"}\'')
    """
    return shlex.quote(make_printable(json.dumps(value, ensure_ascii=False)))


def ask_meaning(words: Sequence[str]) -> str:
    """Return the option that defines the meaning of words, with the meanings left to fill in."""
    return f"--data.names {as_flag(dict.fromkeys(words[:12], '...'))}"


def refuse_doubles(files: RootFiles, pairs: Sequence[tuple[str, str]], content: str) -> InputError:
    """Return the error for pairs of identical files, with the files to leave out so that each remains once."""
    first, second = pairs[0]
    seconds = [second_name for _, second_name in pairs]
    folder = posixpath.commonpath(seconds) if len(seconds) > 1 else ""
    endings = {second_name.rpartition(".")[2] for second_name in seconds}
    if len(pairs) == 1:
        away = [second]
    elif folder and not any(first_name.startswith(f"{folder}/") for first_name, _ in pairs):
        away = [shorten_folder(folder, first)]
    elif len(endings) == 1 and not any(first_name.rpartition(".")[2] in endings for first_name, _ in pairs):
        away = [f"*.{endings.pop()}"]
    else:
        away = sorted(
            {second_name.rpartition("/")[0] or second_name for second_name in seconds}
            - {first_name.rpartition("/")[0] for first_name, _ in pairs}
        )
    more = f" ({len(pairs):,} such pairs)" if len(pairs) > 1 else ""
    return InputError(
        f"{files.path}: holds {content} twice, as {make_printable(first)} and as {make_printable(second)}{more}; leave "
        "one of the two out" + (f" with --data.ignore {as_flag(away)}" if 0 < len(away) <= 12 else "")
    )


def shorten_folder(path: str, second: str) -> str:
    """Return the first part of ``path`` that is not part of ``second``, so that it covers the whole tree.

    >>> shorten_folder("cropped/S001/001/1.png", "images/S001/001/1.png")
    'cropped'
    """
    parts, second_parts = path.split("/"), second.split("/")
    same = 0
    while same < min(len(parts), len(second_parts)) - 1 and parts[same] == second_parts[same]:
        same += 1
    return "/".join(parts[: same + 1])


def _shown(top: str) -> str:
    return repr(make_printable(top)) if top else "its top"
