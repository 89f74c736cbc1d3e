"""What the site is given besides docs/: the help of every command, the keys, the API and the plug-ins' own pages.

A hook of MkDocs (``hooks:`` in mkdocs.yml). The pages are made while the site is built, from what is installed, so they
cannot differ from it.
"""

import os
import re
from pathlib import Path

import click
from mkdocs.structure.files import File

from fer_plugins.commands import help as run_help
from fer_plugins.commands.installed_verbs import fer_verbs
from fer_plugins.config import registry, schema

ROOT = Path(__file__).parents[2]
COLUMNS = 80  # the width of the commands' help; what a page shows beside its navigation at 1280 pixels
API = {
    "contract": ("The contract", ["contract", "contract.training", "contract.network_members", "contract.searches"]),
    "testing": ("The test kit", ["testing"]),
    "config": ("Configuration and components", ["config.registry", "config.idle_options"]),
    "runs": ("Runs", ["experiments.run", "runs.read_runs"]),
    "table": ("Sample table", ["data.table"]),
    "metrics": ("Metrics", ["metrics.table", "metrics.scorer", "metrics.intervals"]),
}


def on_config(config):
    """Put the plug-ins' pages into the navigation, and the pages of docs/ that it does not name behind its concepts."""
    os.environ["COLUMNS"] = str(COLUMNS)
    named = set(re.findall(r"[\w/.-]+\.md", str(config.nav)))
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    for section in config.nav:
        if section.get("Plug-ins"):
            section["Plug-ins"] = [{path.parent.name: _page_of(path)} for path in _readmes()]
        if section.get("Concepts"):
            section["Concepts"] += [page for page in pages if page not in named and not page.startswith("site/")]
    return config


def on_files(files, config):
    """Add the pages that are made here."""
    made = {"cli.md": _commands(), "keys.md": _keys()}
    for path in _readmes():
        made[_page_of(path)] = path.read_text(encoding="utf-8")
    for name, (title, modules) in API.items():
        made[f"api/{name}.md"] = f"# {title}\n\n" + "".join(f"::: fer_plugins.{module}\n\n" for module in modules)
    made["contributing.md"] = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links between files of the repository into links between pages; what has no page stays as text."""
    made_from = {path.relative_to(ROOT).as_posix(): _page_of(path) for path in _readmes()}
    made_from["CONTRIBUTING.md"] = "contributing.md"
    source = next((ROOT / path for path, made in made_from.items() if made == page.file.src_uri), None)
    source = source or ROOT / "docs" / page.file.src_uri

    def replaced(match):
        text, target, anchor = match.groups()
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = os.path.normpath(source.parent / target)
        inside = os.path.relpath(path, ROOT)
        uri = made_from.get(inside, inside.removeprefix("docs/"))
        if files.get_file_from_path(uri) is None:
            if (ROOT / inside).exists():
                return f"{text} (`{inside}`)" if text.strip("`") != inside else f"`{inside}`"
            return match[0]  # --strict refuses it
        return f"[{text}]({os.path.relpath(uri, os.path.dirname(page.file.src_uri) or '.')}{anchor or ''})"

    # A bar in code within a table: GitHub wants it escaped, Python-Markdown shows the escape.
    markdown = re.sub(r"`[^`\n]*`", lambda code: code[0].replace(r"\|", "|"), markdown)
    return re.sub(r"(?<!!)\[([^\]\n]*)\]\(([^)#\s]+)(#[^)\s]*)?\)", replaced, markdown)


def _readmes():
    return sorted((ROOT / "plugins").glob("*/README.md"))


def _page_of(readme):
    return f"plugins/{readme.parent.name}.md"


def _commands():
    """Return the help of ``fer-run`` and of every verb, as the terminal shows it."""
    context = click.Context(fer_verbs, info_name="fer")
    text = ["# Every command's help", "Printed by the installed commands when this page was built."]
    text += ["## `fer-run`", _block(run_help.fer_run(None, []))]
    for name in fer_verbs.list_commands(context):
        text += _verb(fer_verbs.get_command(context, name), name, context, 2)
    return "\n\n".join(text)


def _verb(command, name, parent, level):
    context = click.Context(command, info_name=name, parent=parent, max_content_width=COLUMNS, terminal_width=COLUMNS)
    yield f"{'#' * level} `{context.command_path}`"
    yield _block(command.get_help(context))
    for below in command.list_commands(context) if isinstance(command, click.Group) else ():
        yield from _verb(command.get_command(context, below), below, context, level + 1)


def _keys():
    """Return the keys of every section with types and defaults, and the options of what may be named in it."""
    text = ["# Keys of the configuration", "As `fer-run --help SECTION` prints them, for everything that is installed."]
    for section in schema():
        if section not in ("plugin", "recipe"):
            text += [f"## `{section}`", _block(run_help.section_help(section))]
    for plugin in registry.available("architecture"):
        text += [f"## `--plugin {plugin.name}`", _block(run_help.plugin_help(plugin.name))]
    return "\n\n".join(text)


def _block(text):
    return f"```text\n{text.rstrip()}\n```"
