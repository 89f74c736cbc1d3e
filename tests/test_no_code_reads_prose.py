"""No code reads prose: what other code must know is a code, a key or data, never words searched in a sentence."""

import ast

import pytest
from support import ROOT

FILES = sorted([*(ROOT / "fer_plugins").rglob("*.py"), *(ROOT / "plugins" / "image_files").rglob("fer_*/**/*.py")])
EXEMPT = {
    "testing/architecture.py",  # the words are the subject: one line names the option and the remedy
    "tables/array_files.py",  # numpy tells an array of Python objects by its words alone
}
MATCHING = {"startswith", "endswith", "removeprefix", "removesuffix", "replace", "partition", "rpartition", "find"}
# What sentences are called here: what compares one of these with words reads them.
SENTENCES = {"note", "notes", "remark", "warning", "warnings", "notice", "notices", "reason", "why", "fault"}
EXAMPLES = {
    "if 'a b' in str(error): pass": True,
    "if 'limit' not in f'{error}': pass": True,
    "str(error).removeprefix('x: ')": True,
    "text = ' '.join(str(error).split()) or 'none'\nif 'limit' in text: pass": True,
    "text = str(error)[:90]\nf'{text.removeprefix(name)} {text.removeprefix(f\"not {name}\")}'": True,
    "re.search('limit', str(error))": True,
    "if 'averaging' in note: pass": True,
    "[one for one in notes if one.startswith('claim')]": True,
    "row['remark'].startswith('averaging')": True,
    "' '.join(str(error).split())": False,
    "f'{name}: {str(error).removeprefix(f\"{name}: \")}'": False,
    "if error.key == 'limit': pass": False,
    "if code_of(note) == 'averaging': pass": False,
    "if name.startswith('--'): pass": False,
}


def readings_of(tree):
    """Yield the lines in which words of an error or of a sentence are searched or cut."""
    nodes = list(ast.walk(tree))
    for scope in (node for node in nodes if isinstance(node, ast.ExceptHandler)):
        names, inside = {scope.name}, list(ast.walk(scope))
        for node in inside:  # names that hold the error's text
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_text_of(node.value, names):
                names.add(node.targets[0].id)
        yield from (node.lineno for node in inside if reads(node, is_text_of, names))
    loops = [node for node in nodes if isinstance(node, ast.comprehension | ast.For) and is_sentence(node.iter, ())]
    names = {node.target.id for node in loops if isinstance(node.target, ast.Name)}
    yield from (node.lineno for node in nodes if reads(node, is_sentence, names))


def is_text_of(node, names):
    """Whether an expression is the text of an error: str(error), f"{error}", or is made of one."""
    if isinstance(node, ast.JoinedStr):
        values = [split.value for split in node.values if isinstance(split, ast.FormattedValue)]
        return any(is_text_of(value, names) for value in values)
    if isinstance(node, ast.BoolOp):
        return any(is_text_of(value, names) for value in node.values)
    if isinstance(node, ast.Subscript):
        return is_text_of(node.value, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return is_text_of(node.func.value, names) or any(is_text_of(part, names) for part in node.args)
    if isinstance(node, ast.Call):
        is_str = isinstance(node.func, ast.Name) and node.func.id in ("str", "repr")
        return is_str and any(isinstance(part, ast.Name) and part.id in names for part in node.args)
    return isinstance(node, ast.Name) and node.id in names


def is_sentence(node, names):
    """Whether an expression is called as sentences are: note, row["remark"], record.manifest["warnings"]."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return node.slice.value in SENTENCES
    if isinstance(node, ast.Attribute):
        return node.attr in SENTENCES
    return isinstance(node, ast.Name) and (node.id in SENTENCES or node.id in names)


def reads(node, is_prose, names):
    """Whether a node searches or cuts words of what ``is_prose(expression, names)`` takes for prose."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        searched = any(isinstance(part, ast.In | ast.NotIn | ast.Eq | ast.NotEq) for part in node.ops)
        return searched and any(map(is_words, sides)) and any(is_prose(side, names) for side in sides)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if isinstance(node.func.value, ast.Name) and node.func.value.id == "re":
        return any(is_prose(part, names) for part in node.args[1:])
    return node.func.attr in MATCHING and is_prose(node.func.value, names) and any(map(is_words, node.args))


def is_words(node):
    if isinstance(node, ast.Tuple):
        return any(map(is_words, node.elts))
    if isinstance(node, ast.JoinedStr):  # f"{name}: " cuts a name that would stand there twice
        return any(map(is_words, node.values))
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and any(map(str.isalpha, node.value))


@pytest.mark.parametrize("source", EXAMPLES)
def test_the_search_finds_what_it_should(source):
    indented = "\n".join(f"    {line}" for line in source.splitlines())
    readings = list(readings_of(ast.parse(f"try:\n    f()\nexcept ValueError as error:\n{indented}")))
    assert bool(readings) == EXAMPLES[source]


def test_no_code_reads_prose():
    readings = {str(path.relative_to(ROOT)): sorted(set(readings_of(ast.parse(path.read_text())))) for path in FILES}
    prose = {path: lines for path, lines in readings.items() if lines}
    exempt = {end for end in EXEMPT for path in prose if path.endswith(end)}
    assert exempt == EXEMPT, "one that reads no prose any more"
    assert {path: lines for path, lines in prose.items() if not path.endswith(tuple(EXEMPT))} == {}
