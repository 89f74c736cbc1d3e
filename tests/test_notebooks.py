"""The notebooks run from the first cell to the last, and are kept without outputs."""

import os
import sys
from pathlib import Path

import pytest
from support import ROOT

nbformat = pytest.importorskip("nbformat", reason="reads the notebooks: pip install 'fer-plugins[docs]'")
nbclient = pytest.importorskip("nbclient", reason="runs the notebooks: pip install 'fer-plugins[docs]'")
pytest.importorskip("ipykernel", reason="runs the notebooks' cells: pip install 'fer-plugins[docs]'")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def printed(cell):
    return "".join(output.get("text", "") for output in cell.get("outputs", ()))


@pytest.fixture
def executed(tmp_path, monkeypatch):
    """Return a function that runs a notebook in an empty folder and returns it with its outputs."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def execute(name):
        notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
        nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return notebook

    return execute


def test_train_and_look(executed, tmp_path):
    notebook = executed("train_and_look.ipynb")
    text = "".join(map(printed, notebook.cells))
    assert "split hash" in text
    assert "pair by pair on the same samples" in text
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", ()) if "image/png" in out.get("data", {})]
    assert len(pictures) == 3
    first, second = ((run / "predictions.csv").read_text() for run in (tmp_path / "runs").iterdir())
    assert first != second  # the poolings differ, so do the networks


def test_audit_your_dataset(executed, tmp_path):
    notebook = executed("audit_your_dataset.ipynb")
    text = "".join(map(printed, notebook.cells))
    assert "21 copies planted" in text
    assert "pairs of near copies: 21" in text
    assert (tmp_path / "audit" / "contact_sheet.html").is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs_and_installs_what_it_needs(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert "pip" in code[0].source
    assert "REPOSITORY" in code[0].source
