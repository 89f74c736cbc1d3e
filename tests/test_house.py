"""The house: who may import whom, what must be listed, what a file may be called."""

import ast
import functools
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from support import ROOT

from fer_plugins.config.components import GROUPS
from fer_plugins.config.installed import canonical
from fer_plugins.runs.versions import git_revision

CORE = sorted((ROOT / "fer_plugins").rglob("*.py"))
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if path.is_dir())
# Verbs that work on runs or on data: they may import any module of the core.
TOOLS = {
    *("claims_audit", "data_audit", "demo_page", "face_datasets", "face_prediction", "html_report", "image_files"),
    *(
        "model_export",
        "outside_predictions",
        "parameter_search",
        "protocol_bias",
        "robustness_tests",
        "run_comparison",
        "trackers",
    ),
}
PLUGIN_FILES = sorted((ROOT / "plugins").glob("*/fer_*/**/*.py"))
VERB_FILES = [path.stem for path in sorted((ROOT / "fer_plugins" / "commands").glob("[!_]*.py"))]
TORCH_FREE = (
    "fer_plugins.__init__",
    *(f"fer_plugins.contract.{path.stem}" for path in sorted((ROOT / "fer_plugins" / "contract").glob("*.py"))),
    *(
        f"fer_plugins.runtime.{name}"
        for name in (
            "activity",
            "errors",
            "generated_text",
            "launched",
            "plain_values",
            "plural",
            "process",
            "whole_file",
        )
    ),
    *(f"fer_plugins.config.{path.stem}" for path in sorted((ROOT / "fer_plugins" / "config").glob("*.py"))),
    *(f"fer_plugins.commands.{name}" for name in VERB_FILES),
)
# From the ground up: a layer imports only from those before it.
LAYERS = (
    *("runtime", "contract", "pooling", "config", "data", "metrics", "runs", "training", "analysis", "experiments"),
    *("testing", "commands"),
)
# What a verb of a plug-in needs beside the contract.
_NEEDED_BY_VERBS = {
    # a checkpoint of a foreign file
    "conv_relu_ann": ("commands.usage", "config", "data.preprocessing", "training", "runtime.numpy_files"),
    "outside_predictions": ("analysis", "commands", "config", "data", "metrics", "runs", "runtime", "training"),
}


@functools.cache
def parse(path):
    return ast.parse(path.read_text())


@functools.cache
def imports(path, *, top_only):
    """Return the modules that a file imports; with ``top_only`` those at import time."""
    modules = set()

    def visit(node, inside):
        for child in ast.iter_child_nodes(node):
            lazy = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import) and not (top_only and inside):
                modules.update(alias.name for alias in child.names)
            if isinstance(child, ast.ImportFrom) and not (top_only and inside):
                modules.add(child.module)
                modules.update(f"{child.module}.{alias.name}" for alias in child.names)
            visit(child, lazy)

    visit(parse(path), False)
    return frozenset(modules)


def any_of(names, *modules):
    return {name for name in names if any(name == module or name.startswith(module + ".") for module in modules)}


@pytest.mark.parametrize("name", TORCH_FREE)
def test_the_front_end_needs_no_torch(name):
    top = imports(ROOT.joinpath(*name.split(".")).with_suffix(".py"), top_only=True)
    allowed = {"fer_plugins", "yaml", "packaging", "click", "__future__", *sys.stdlib_module_names}
    assert not {module for module in top if module.split(".")[0] not in allowed}
    modules = {path_of(module) for module in top if module.startswith("fer_plugins.")} - {None}
    packages = {path for path in modules if path.name == "__init__.py" and path.parent.name != "config"}
    assert modules - packages <= {path_of(module) for module in TORCH_FREE} | {path_of("fer_plugins.config")}


def path_of(module):
    """Return the file of a module of the core, None for a name inside one."""
    path = ROOT.joinpath(*module.removesuffix(".__init__").split("."))
    if path.is_dir():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None


def named_modules():
    """Return (file, module) of all that benchmarks and plug-ins import from the core, and all that documents name."""
    scripts = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    named = {(path, name) for path in scripts for name in imports(path, top_only=False) if "fer_plugins." in name}
    documents = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *(ROOT / "plugins").glob("*/README.md")]
    for path in [*documents, *CORE]:
        named |= {(path, name) for name in re.findall(r"fer_plugins(?:\.\w+)+", path.read_text())}
    return named


def test_modules_that_scripts_and_documents_name_exist():
    missing = []
    for path, name in named_modules():
        module = name
        while path_of(module) is None:
            module = module.rpartition(".")[0]
        rest = name.removeprefix(module).removeprefix(".").partition(".")[0]
        if rest and name not in GROUPS.values() and not re.search(rf"\b{rest}\b", path_of(module).read_text()):
            missing.append((str(path.relative_to(ROOT)), name))
    assert not missing


def test_the_top_of_the_package_is_one_screen():
    entries = {path.stem for path in (ROOT / "fer_plugins").iterdir() if path.name not in ("__pycache__", "py.typed")}
    assert entries == {"__init__", *LAYERS}
    assert len(entries) <= 14


def test_a_layer_imports_only_from_below():
    above = {}
    for path in CORE:
        own = path.relative_to(ROOT).with_suffix("").parts
        if own[1] == "__init__":
            continue
        wanted = {name for name in imports(path, top_only=False) if name.startswith("fer_plugins.") and path_of(name)}
        allowed = LAYERS[: LAYERS.index(own[1]) + 1]
        above[path] = {name for name in wanted - {"fer_plugins.__version__"} if name.split(".")[1] not in allowed}
    assert not {path: names for path, names in above.items() if names}


def test_module_and_data_do_not_know_each_other_nor_the_command_line():
    outside = (
        "fer_plugins.commands.main",
        "fer_plugins.experiments.run",
        "fer_plugins.training.tracking",
        "fer_plugins.config.layers",
        "fer_plugins.config.resolve",
        "wandb",
    )
    module = imports(ROOT / "fer_plugins" / "training" / "module.py", top_only=False)
    assert not any_of(module, "fer_plugins.data", *outside)
    for path in (ROOT / "fer_plugins" / "data").rglob("*.py"):
        assert not any_of(imports(path, top_only=False), "fer_plugins.training.module", *outside), path


def test_optional_libraries_are_imported_where_they_are_asked_for():
    for path in CORE:
        everywhere, top = imports(path, top_only=False), imports(path, top_only=True)
        assert not any_of(top, "wandb", "albumentations", "cv2", "ray"), path
        if path.name != "wandb_board.py":
            assert not any_of(everywhere, "wandb"), path
        if path.name != "ray_executor.py":
            assert not any_of(everywhere, "ray"), path
        if "figures" not in (path.parent.name, path.stem):
            assert not any_of(everywhere, "matplotlib"), path
        if path.parent.name not in ("augmentations", "detectors") and path.name != "video.py":
            assert not any_of(everywhere, "albumentations", "cv2"), path


def test_the_core_names_no_plugin():
    names = [path.name for path in PLUGINS]
    for path in CORE:
        for name in names:
            assert name not in path.read_text(), f"{path} names {name}"


def project_of(plugin):
    return tomllib.loads((plugin / "pyproject.toml").read_text())["project"]


def depends_on(needed, plugin):
    return any(canonical(Requirement(requirement).name) == canonical(f"fer-{plugin.name}") for requirement in needed)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_plugins_import_the_contract_and_what_they_depend_on(plugin):
    for path in plugin.rglob("fer_*/**/*.py"):
        names = imports(path, top_only=False)
        core = any_of(names, "fer_plugins")
        for_plugins = (
            *("contract", "config.idle_options", "pooling", "testing", "runtime.choices", "runtime.errors"),
            *("analysis.claims", "data.expressions", "data.histogram", "data.split_names"),
            *_NEEDED_BY_VERBS.get(plugin.name, ()),
        )
        allowed = any_of(core, *(f"fer_plugins.{name}" for name in for_plugins))
        assert core == allowed or plugin.name in TOOLS, path
        needed = project_of(plugin)["dependencies"]
        foreign = [
            plugin_name.name for plugin_name in PLUGINS if plugin_name != plugin and not depends_on(needed, plugin_name)
        ]
        assert not any_of(names, *(f"fer_{plugin_name}" for plugin_name in foreign)), path


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_every_plugin_is_listed_and_whole(plugin):
    line = f"-e plugins/{plugin.name}"
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert line in lines, f"add the line '{line}' to requirements.txt"
    # pip takes the folders in this order, and looks for what it has not met yet in the registry.
    needed = [f"-e plugins/{entry.name}" for entry in PLUGINS if depends_on(project_of(plugin)["dependencies"], entry)]
    met = [entry for entry in lines[: lines.index(line)] if entry.startswith("-e ")]
    assert met[0].startswith("-e .["), "the core is the first"
    assert set(needed) <= set(met), f"move '{line}' below {needed}"
    package = plugin / f"fer_{plugin.name}"
    for path in ("pyproject.toml", "README.md", f"test_{plugin.name}.py"):
        assert (plugin / path).is_file(), path
    project = project_of(plugin)
    of_a_paper = ("paper.yaml", "claims.yaml") if "fer_plugins.architectures" in project.get("entry-points", ()) else ()
    for path in ("__init__.py", *of_a_paper):
        assert (package / path).is_file(), path
    assert canonical(project["name"]) == canonical(f"fer-{plugin.name}")
    assert any(
        requirement.startswith(("fer-plugins>=", "fer-plugins[")) and "<" in requirement
        for requirement in project["dependencies"]
    )
    assert f"plugins/{plugin.name}/README.md" in (ROOT / "README.md").read_text()


def test_names_say_what_a_file_owns():
    forbidden = {"utils", "util", "common", "base", "helpers", "manager", "handler", "misc"}
    for path in [*CORE, *(ROOT / "plugins").rglob("*.py")]:
        assert not forbidden & set(path.with_suffix("").name.split("_")), path
        assert ast.get_docstring(parse(path)) or path.name.startswith("test_"), f"{path}: no docstring"


def test_every_bound_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text()
    inside = False
    for before, line in zip(["", *text.splitlines()], text.splitlines(), strict=False):
        inside = inside or line.startswith("dependencies") or line.startswith("[project.optional")
        if line.startswith("[project.scripts]"):
            break
        if inside and ">=" in line:
            assert "#" in line or before.startswith("#"), line


def test_the_tests_limit_the_threads_before_torch_is_imported():
    text = (ROOT / "conftest.py").read_text()
    assert text.index("OMP_NUM_THREADS") < re.search(r"^(import|from) (torch|fer_plugins|support)", text, re.M).start()


def test_the_licence():
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def test_no_source_is_kept_out_of_the_repository_and_the_wheel():
    """Hatchling leaves out of a wheel what .gitignore names: `runs/` there also means `fer_plugins/runs/`."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    sources = [str(path.relative_to(ROOT)) for path in CORE]
    done = subprocess.run(["git", "check-ignore", *sources], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
    for folder in {path.parent for path in CORE}:
        assert (folder / "__init__.py").is_file(), f"{folder} is not a package"


def test_the_commit_is_that_of_this_checkout():
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    assert (git_revision() or "").removesuffix("-dirty") == head


def test_a_file_is_read_on_a_few_screens():
    lines = {path: len(path.read_text().splitlines()) for path in [*CORE, *PLUGIN_FILES]}
    assert not {path: count for path, count in lines.items() if count > 250}


def test_a_verb_is_called_by_its_present_name():
    """An older name goes on working; what is printed and written names the present one, or both on one line."""
    present = {"evaluate": "robustness", "inflation": "protocol-bias"}
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").rglob("*.md")]
    for path in [*CORE, *PLUGIN_FILES, *documents]:
        for line in path.read_text().splitlines():
            for old, new in present.items():
                assert not re.search(rf"\bfer {old}\b", line) or f"fer {new}" in line, f"{path}: {line}"
