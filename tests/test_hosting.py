"""What a public repository shows: hosted tests, citation, security, forms for reports."""

import re
import tomllib

import pytest
import yaml
from support import ROOT

import fer_plugins

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
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
