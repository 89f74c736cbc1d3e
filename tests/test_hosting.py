"""What a public repository shows: hosted tests, citation, security, forms for reports."""

import importlib.util
import re
import tomllib

import pytest
import yaml
from support import ROOT

import fer_plugins

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
NIGHTLY = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def commands(job):
    return [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]


def test_every_supported_python_is_tested():
    tested = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["python"]
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert tested == declared
    assert PROJECT["requires-python"] == f">={tested[0]}"


def test_hosted_tests_run_the_readmes_command_and_the_linters_of_the_check_before_landing():
    script = (ROOT / ".ci" / "run").read_text()
    assert commands("tests") == ["pip install -r requirements.txt && pytest"]
    for linter in commands("linters")[1:]:
        assert f"\n{linter}\n" in script


def test_the_job_of_lowest_versions_takes_every_extra_that_the_tests_need():
    install = next(command for command in commands("lowest-versions") if "lowest-direct" in command)
    extras = set(re.search(r"\.\[(.*?)\]", install)[1].split(","))
    assert extras <= set(PROJECT["optional-dependencies"])
    required = (ROOT / "requirements.txt").read_text()
    assert extras == set(re.search(r"-e \.\[(.*?)\]", required)[1].split(",")) - {"dev"}


def test_the_nightly_job_installs_the_newest_of_what_the_job_of_lowest_versions_installs():
    steps = NIGHTLY["jobs"]["newest-versions"]["steps"]
    newest = next(step["run"] for step in steps if "--resolution highest" in step.get("run", ""))
    lowest = next(command for command in commands("lowest-versions") if "lowest-direct" in command)
    assert newest == lowest.replace("lowest/", "newest/").replace("lowest-direct", "highest")
    declared = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert NIGHTLY["jobs"]["newest-versions"]["strategy"]["matrix"]["python"] == [declared[0], declared[-1]]
    assert steps[-1]["if"] == "failure()"
    assert (ROOT / steps[-1]["run"].split()[-1]).is_file()


@pytest.fixture
def blame():
    path = ROOT / ".github" / "scripts" / "name_broken_dependency.py"
    spec = importlib.util.spec_from_file_location("name_broken_dependency", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_nightly_job_names_the_dependency_that_broke(blame):
    pins = blame.read_pins((ROOT / "requirements.txt").read_text())
    assert {"torch", "lightning", "numpy"} <= set(pins)
    installed = {**pins, "numpy": "99", "scipy": "98", "torch": "97"}
    names = blame.changed(pins, installed)
    assert set(names) == {"numpy", "scipy", "torch"}

    def install(name, tested):
        if name == "torch" and tested:
            return False  # no tested version for this Python
        installed[name] = pins[name] if tested else "99"
        return True

    assert blame.find_broken(names, install, passes=lambda: installed["scipy"] == pins["scipy"]) == ["scipy"]
    assert installed["scipy"] == "99"  # the next is tried beside the newest of all others
    assert blame.find_broken(names, install, passes=lambda: False) == []


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"] == fer_plugins.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_changelog_has_unreleased_changes_on_top_and_this_version_below():
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].startswith(PROJECT["version"])
    assert (ROOT / "docs" / "releases" / f"{PROJECT['version']}.md").is_file()


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_the_forms_can_be_read(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        return
    assert {"name", "description", "body"} <= set(form)
    labels = [field["attributes"]["label"] for field in form["body"]]
    assert len(set(labels)) == len(labels)
