"""Damaged metadata of any installed distribution costs one line, which names it and a remedy that works."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fer_plugins.commands import main
from fer_plugins.config import registry
from fer_plugins.runtime.errors import InputError

ENTRIES = "[fer_plugins.architectures]\nconv_relu_ann = {}\n"
META = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
UNREADABLE = {
    "binary": b"\xff\xfe\x00[fer_plugins",
    "zeros": b"\0" * 64,
    "merge markers": b"<<<<<<< HEAD\n[console_scripts]\na = b:c\n=======\n>>>>>>> theirs\n",
    "no equals sign": b"[fer_plugins.architectures]\nfoo\n",
    "no value": b"[fer_plugins.architectures]\nfoo =\n",
    "no name": b"[console_scripts]\n= a:b\n",
    "no module": b"[fer_plugins.architectures]\nfoo = ???\n",
    "prose": b"this file was left empty on purpose",
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a function that writes files into a folder that stands first on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def place(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return place


def call(capsys, *words):
    code = main.call("fer", main._verb, list(words))
    printed = capsys.readouterr()
    return code, printed.out, printed.err.splitlines()


def follow_the_remedy(line):
    """Remove what the line says is to be removed."""
    path = Path(re.search(r"remedy: remove '([^']+)'", line)[1])
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_one_unreadable_neighbour_costs_one_line(content, site, capsys):
    before = registry.available()
    site({"other-1.0.dist-info/METADATA": META.format("other", "1.0"), "other-1.0.dist-info/entry_points.txt": content})
    code, out, err = call(capsys, "list")
    assert (code, len(err)) == (0, 1)
    assert "other" in err[0]
    assert str(Path("other-1.0.dist-info")) in err[0]
    assert "conv_relu_ann" in out
    assert registry.available() == before
    assert "lenet5" in call(capsys, "run", "--plugin", "lenet5", "--print-config")[1]
    with pytest.raises(InputError) as caught:
        registry.find("architecture", "foo")
    assert "not read: other" in str(caught.value)
    assert "\n" not in str(caught.value)
    follow_the_remedy(err[0])
    assert call(capsys, "list") == (0, out, [])


HIDING = {
    "egg-info in the working folder": {
        "fer_conv_relu_ann.egg-info/PKG-INFO": META.format("fer-conv_relu_ann", "0.1.0")
    },
    "empty dist-info": {"fer_conv_relu_ann-0.0.9.dist-info": None},
    "without METADATA": {
        "fer_conv_relu_ann-0.0.9.dist-info/entry_points.txt": ENTRIES.format("fer_conv_relu_ann:gone")
    },
    "damaged entry points": {
        "fer_conv_relu_ann-0.0.9.dist-info/METADATA": META.format("fer-conv_relu_ann", "0.0.9"),
        "fer_conv_relu_ann-0.0.9.dist-info/entry_points.txt": b"\xff\xfe",
    },
}


@pytest.mark.parametrize("files", HIDING.values(), ids=HIDING)
def test_left_over_metadata_hides_no_plugin(files, site, capsys):
    before = registry.available()
    site(files)
    code, out, err = call(capsys, "list")
    assert (code, len(err)) == (0, 1)
    assert "fer_conv_relu_ann" in err[0]
    assert registry.available() == before
    follow_the_remedy(err[0])
    assert call(capsys, "list") == (0, out, [])


def test_headers_that_cannot_be_read_cost_the_version_only(site, capsys, tmp_path):
    site({"odd-2.5.dist-info/METADATA": b"\xff\xfe\0", "odd-2.5.dist-info/entry_points.txt": ENTRIES.format("odd:Net")})
    code, _, err = call(capsys, "list")
    assert (code, len(err)) == (0, 1)
    assert "METADATA cannot be read" in err[0]
    component = next(entry for entry in registry.available() if entry.module == "odd")
    assert (component.distribution, component.version) == ("odd", "2.5")


def test_a_second_version_of_a_distribution_is_named(site, capsys):
    folder = "fer_conv_relu_ann-0.0.9.dist-info"
    files = {f"{folder}/METADATA": META.format("fer-conv_relu_ann", "0.0.9")}
    files[f"{folder}/entry_points.txt"] = ENTRIES.format("fer_conv_relu_ann:ConvReLUANN")
    site(files)
    code, _, err = call(capsys, "list")
    assert (code, len(err)) == (0, 1)
    assert "it is there twice" in err[0]


def test_a_whole_command_goes_on_beside_a_damaged_neighbour(site):
    """Torch and Lightning ask for entry points of their own, which a damaged file would end."""
    place = site({"other-1.0.dist-info/entry_points.txt": b"\xff\xfe", "other-1.0.dist-info/METADATA": "Name: other\n"})
    words = (
        "import sys; from fer_plugins.commands import main; sys.exit(main.call('fer', main._verb, ['show', 'lenet5']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "parameters: 168,971" in done.stdout
    assert len(done.stderr.splitlines()) == 1
