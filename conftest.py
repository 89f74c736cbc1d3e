"""Fixtures of all tests: quiet libraries, made-up distributions, the real images where they are."""

import gc
import os
import shutil
import signal
import sys
import textwrap

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
# Before torch is imported, which reads it once: tests run in as many processes as there are cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
from support import toy_net

from fer_plugins.data.synthetic_faces.synthetic import Synthetic
from fer_plugins.testing import find_fer2013

# A shell starts what it puts into the background with Ctrl-C ignored. The processes of the tests would inherit that,
# and the tests of Ctrl-C would wait for an end that never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# A slow machine is no fault of the code: hypothesis would fail an example of 200 ms, and drawn data of some seconds.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_collection_finish():
    """Keep what the libraries hold out of every later garbage collection.

    Lightning collects at the end of each loop, which takes a third of a second with all libraries loaded.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """Let extension modules end as without the tests; they report what is still held as leaks."""
    gc.unfreeze()


draw = Synthetic.__getitem__
DRAWN = {}


def _draw_once(self, index):
    """A face of the same options is the same image; drawn each time, it takes half of a short training."""
    if (self.cache_key, index) not in DRAWN:
        DRAWN[self.cache_key, index] = draw(self, index)
    return DRAWN[self.cache_key, index].copy()


@pytest.fixture(scope="session", autouse=True)
def _faces_are_drawn_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Synthetic, "__getitem__", _draw_once)
        yield


@pytest.fixture(autouse=True)
def _faces_are_drawn_where_that_is_tested(request, monkeypatch):
    if "synthetic" in request.node.path.name:
        monkeypatch.setattr(Synthetic, "__getitem__", draw)


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path, monkeypatch):
    """Keep the user's cache, W&B settings and working folder out of the tests."""
    monkeypatch.setenv("FER_CACHE_DIR", str(tmp_path / "cache"))
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_figures_but_where_they_are_tested(request, monkeypatch):
    """Spare every other run the two seconds that its pictures take."""
    if "figures" not in request.node.path.name:
        monkeypatch.setattr("fer_plugins.experiments.run.draw_at_end", lambda *given: ({}, []))


@pytest.fixture
def real_fer2013():
    """Return the path of the official FER-2013; the test is skipped where there is none."""
    return find_fer2013()


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a function that makes a folder once for the tests of a file, and gives each test a copy.

    ``kept(name, make, into)``: ``make`` gets an empty folder and returns the folder to keep, in it or itself; the copy
    lies in ``into`` under the same name.
    """
    made = {}

    def copy(name, make, into):
        if name not in made:
            made[name] = make(tmp_path_factory.mktemp(name))
        return shutil.copytree(made[name], into / made[name].name, symlinks=True)

    return copy


@pytest.fixture
def make_distribution(tmp_path, monkeypatch):
    """Return a function that puts a made-up distribution on sys.path: metadata, entry points and one package."""
    made = []

    def make(name, entry_points, source=None, *, version="1.0", requires="fer-plugins>=0.1,<0.2", files=None):
        site = tmp_path / f"site_{name}"
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        if requires:
            lines.append(f"Requires-Dist: {requires}")
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        groups = {}
        for group, entry, value in entry_points:
            groups.setdefault(group, []).append(f"{entry} = {value}")
        text = "\n".join(f"[fer_plugins.{group}]\n" + "\n".join(rows) for group, rows in groups.items())
        (info / "entry_points.txt").write_text(text + "\n")
        if source is not None:
            package = site / name
            package.mkdir()
            (package / "__init__.py").write_text(textwrap.dedent(source))
            for file, content in (files or {}).items():
                (package / file).write_text(textwrap.dedent(content))
        monkeypatch.syspath_prepend(str(site))
        made.append(name)
        return site

    yield make
    for name in made:
        for module in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[module]


@pytest.fixture
def toy(make_distribution):
    """Install the toy network as the plug-in `toy`; return the folder that is on sys.path."""
    files = {"paper.yaml": toy_net.PAPER, "claims.yaml": toy_net.CLAIMS}
    return make_distribution("toy", [("architectures", "toy", "toy:Toy")], toy_net.SOURCE, files=files)
