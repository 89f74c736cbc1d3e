"""The commands of CONTRIBUTING.md and of the guide, in their order, outside the repository, in another environment."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from support import ROOT

DOCUMENTS = {"contributing": ROOT / "CONTRIBUTING.md", "guide": ROOT / "docs" / "writing-a-plugin.md"}
# What varies from run to run: times, time stamps and the scores of another machine.
VARIES = re.compile(r"\d{8}-\d{6}|\d+\.\d+( s)?|\d+ threads?")


def transcript(path):
    """Yield (command, lines shown behind it) of the console blocks of a document."""
    command, shown = None, []
    for block in re.findall(r"```console\n(.*?)```", path.read_text(), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line[2:], []
            else:
                shown.append(line)
    yield command, shown


def comparable(line):
    """Leave out figures, and the width of columns, which depends on them."""
    return re.sub(" +", " ", VARIES.sub("N", line.rstrip()))


@pytest.fixture
def environment(tmp_path):
    """Return the variables of a new environment that sees the libraries of this one; plug-ins are installed into it."""
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home), "platbase": str(home)}))
    here = sysconfig.get_path("purelib")
    (site / "libraries.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    calls = {
        "fer": "from fer_plugins.commands.main import fer; fer()",
        "fer-run": "from fer_plugins.commands.main import fer_run; fer_run()",
        "pytest": "import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[1:]]))",
        # Nothing may be downloaded: what builds a folder is one of the libraries of the tests.
        "pip": "from pip._internal.cli.main import main; words = sys.argv[1:]; sys.exit(main(["
        "*words, *(['--no-deps', '--no-build-isolation', '-q'] if words[0] == 'install' else [])]))",
    }
    for name, call in calls.items():
        (home / "bin" / name).write_text(f"#!{python}\nimport sys\n{call}\n")
        (home / "bin" / name).chmod(0o755)
    variables = {**os.environ, "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    variables.pop("PYTHONPATH", None)
    return variables


def run(command, folder, environment):
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_step_is_run_and_shows_what_the_document_shows(document, tmp_path, environment):
    steps = list(transcript(DOCUMENTS[document]))
    assert len(steps) >= 6
    before = run("fer list", tmp_path, environment)
    folder = tmp_path / "somewhere"
    folder.mkdir()
    ran = []
    for command, shown in steps:
        printed = [comparable(line) for line in run(command, folder, environment).splitlines()]
        ran.append(command)
        for line in shown:
            if line != "...":
                assert comparable(line) in printed, f"{command}: {line}"
    assert sys.prefix not in run("python -c 'import sys; print(sys.prefix)'", folder, environment)
    (trained, *_) = sorted((folder / "runs").iterdir())
    assert (trained / "metrics.json").is_file()
    assert len((trained / "metrics.csv").read_text().splitlines()) >= 2
    if not any(command.startswith("pip uninstall") for command in ran):
        assert "my_net" in run("fer list", folder, environment)
        run("pip uninstall --yes fer-my_net", folder, environment)
    assert run("fer list", folder, environment) == before
    status = subprocess.run(["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True)
    assert "my_net" not in status.stdout
