"""The wheels of the core and of each plug-in: what is in them, and that ``fer-plugins[all]`` names them all."""

import re
import subprocess
import tomllib
import zipfile

import pytest
from support import ROOT

builder = pytest.importorskip("hatchling.builders.wheel", reason="builds the wheels: pip install hatchling")
FOLDERS = [ROOT, *sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))]


def project(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())


def files_of(package):
    """Return the files of a package that git knows (without git: all), relative to the folder around the package."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", str(package)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]
    else:
        paths = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(package.parent).as_posix() for path in paths}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Build every wheel, in this process and without a download, and return {folder: open archive}."""
    out = tmp_path_factory.mktemp("wheels")
    archives = {}
    for folder in FOLDERS:
        [path] = builder.WheelBuilder(str(folder)).build(directory=str(out), versions=["standard"])
        archives[folder] = zipfile.ZipFile(path)
    return archives


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_wheel_holds_the_whole_package_and_its_licence(folder, wheels):
    """Templates, recipes, claims, lists and pages are read from the package, so each of them must travel with it."""
    names = wheels[folder].namelist()
    build = project(folder).get("tool", {}).get("hatch", {}).get("build", {})
    [package] = build.get("targets", {}).get("wheel", {}).get("packages", [f"fer_{folder.name}"])
    expected = files_of(folder / package)
    assert expected
    assert expected == {name for name in names if ".dist-info/" not in name}
    [licence] = [name for name in names if name.endswith(".dist-info/licenses/LICENSE")] or [None]
    assert licence, f"no licence: ln -s ../../LICENSE {folder.relative_to(ROOT)}/LICENSE"
    assert wheels[folder].read(licence) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_wheel_offers_what_the_source_declares(folder, wheels):
    declared = project(folder)["project"].get(
        "entry-points", {}
    )  # a library, such as the readers of files, offers nothing
    paths = [name for name in wheels[folder].namelist() if name.endswith("entry_points.txt")]
    assert len(paths) == bool(declared)
    text = "".join(wheels[folder].read(path).decode() for path in paths)
    for group, offered in declared.items():
        assert f"[{group}]" in text
        for name, target in offered.items():
            assert f"{name} = {target}" in text
            module = target.partition(":")[0].replace(".", "/")
            assert {f"{module}.py", f"{module}/__init__.py"} & set(wheels[folder].namelist()), target


def test_all_names_every_distribution_and_extra():
    extras = project(ROOT)["project"]["optional-dependencies"]
    own, *named = extras["all"]
    distributions = sorted(project(folder)["project"]["name"] for folder in FOLDERS[1:])
    assert sorted(named) == distributions, "pyproject.toml: `all` must name every distribution of plugins/"
    left_out = {"all", "ray", "docs", "test", "dev"}
    assert set(re.search(r"\[(.*)\]", own)[1].split(",")) == set(extras) - left_out
