"""Every command in the documents is run, word for word but for placeholders, on little data and for one epoch."""

import json
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from support import ROOT, fake_datasets, fake_fer2013, written_run

from fer_plugins.commands import main
from fer_plugins.runs.kept_record import keep

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
# Run by .ci/run in a new environment, word for word; the test below holds it to that.
IN_CI = {
    "pip install -r requirements.txt && fer-run --plugin dcnn_bilstm_dam",
    "pip install -r requirements.txt && pytest",
    "pip install -r requirements.txt",
}
QUICK = {"data": {"name": "synthetic", "samples": 63, "subjects": 3}, "trainer": {"epochs": 1}, "logger": "csv"}


def blocks(path):
    """Yield (language, lines) of the fenced and the indented blocks of a document."""
    language, lines = None, []
    for line in path.read_text().splitlines():
        if fence := re.match(r"```(\w*)", line):
            if language is None:
                language, lines = fence[1] or "shell", []
            else:
                yield language, lines
                language = None
        elif language is not None:
            lines.append(line)
        elif line.startswith("    ") and not line.lstrip().startswith(("-", "*")):
            yield "shell", [line.strip()]


def commands():
    """Yield each command once, under the first document that shows it."""
    seen = set()
    for path in DOCUMENTS:
        for language, lines in blocks(path):
            if language in ("shell", "bash", "sh"):
                for line in lines:
                    command = line.split("  #")[0].strip()
                    if re.match(r"(fer|fer-run|pip|python|pytest|wandb)\b", command) and command not in seen:
                        seen.add(command)
                        yield pytest.param(command, id=f"{path.relative_to(ROOT)}: {command}")


COMMANDS = list(commands())


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    """Return the path of a tiny FER-2013."""
    return fake_fer2013.write_tar_layout(tmp_path_factory.mktemp("images"), fake_fer2013.make_faces(each=6))


@pytest.fixture
def place(tmp_path, monkeypatch, fake, kept):
    """Return what the placeholders stand for, in a folder that has configs/ beside it."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)

    def lenet5():
        return kept("lenet5", lambda folder: finished(folder, "lenet5", "fer2013", fake), tmp_path / "runs")

    def two_seeds():
        return sorted(kept("two", train_two_seeds, tmp_path).iterdir())

    def fill(command):
        command = re.sub(r"PATH/fer2013\.(tar\.gz|zip)", str(fake), command)
        command = with_copies(command, fake, tmp_path)
        if "PATH/fer2013new.csv" in command:
            rows = [(face.usage, "fer.png", *(10 * (n == 4) for n in range(10))) for face in fake_fer2013.make_faces(6)]
            votes = fake_datasets.table(fake_datasets.FERPLUS_HEADER, rows)
            (tmp_path / "fer2013new.csv").write_bytes(votes)
            command = command.replace("PATH/fer2013new.csv", "fer2013new.csv")
        if "--resume RUN" in command:
            command = command.replace("RUN", str(interrupted(tmp_path)))
        if command.startswith("fer search"):  # after an epoch on 42 images many a network calls all the same
            monkeypatch.setattr("fer_plugins.training.module.find_collapse", lambda *_: [])
            command = shortened_search(command, tmp_path)
        elif "OUT/" in command:
            command = command.replace("OUT", str(kept("search", searched, tmp_path))).replace("epochs 100", "epochs 1")
        command = command.replace("balance_to 100", "balance_to 20")
        if "--protocol.file split.json" in command:
            words = "data split synthetic --data.samples 63 --data.subjects 3 --protocol random --out split.json"
            assert main.call("fer", main._verb, words.split()) == 0
        command = re.sub(r"plugins/\w+/results/\S+", lambda m: str(ROOT / m[0]), command)  # records of this checkout
        if "--protocol.list copies.json" in command:
            assert main.call("fer", main._verb, ["data", "audit", "fer2013", str(fake), "--export", "copies"]) == 0
        if "--path DATASETS" in command:
            for name in ("fer2013.tar.gz", "ckplus", "jaffe", "rafdb", "ferg"):
                (tmp_path / "datasets" / name).mkdir(parents=True, exist_ok=True)  # a plan looks no further
            command = command.replace("DATASETS", "datasets")
        if command.startswith(("fer evaluate RUN", "fer robustness RUN")):
            command = command.replace("RUN", str(two_seeds()[0]))
        if command.startswith(("fer benchmark RUN", "fer export RUN")):
            command = command.replace("RUN", str(two_seeds()[0]))
        if command.startswith("fer benchmark") and "--batch" not in command:
            command += " --batch 1,2 --threads 1"
        if command.startswith("fer robustness") and "--limit" not in command:
            command += " --limit 21"
        if command == "fer report RUN":
            command = f"fer report {two_seeds()[0]} --out page.html"
        if command.startswith("fer predict RUN"):
            command = command.replace("RUN", str(two_seeds()[0]))
            write_photos(tmp_path)
        if command.startswith("fer demo RUN"):
            monkeypatch.setattr("socketserver.BaseServer.serve_forever", lambda server: None)
            command = command.replace("RUN", str(two_seeds()[0])) + " --port 0" * ("--port" not in command)
        if command.startswith("wandb leet"):
            (logged,) = kept("followed", followed, tmp_path).glob("wandb/offline-run-*")
            command = command.replace("RUN/wandb/offline-run-*", str(logged))  # as the shell does
        if command.endswith("--augmentation"):  # the two seeds below have none
            command = command.replace("RUN_A", str(lenet5()))
        if command.startswith(("fer results", "fer reproduce")):
            run = lenet5()
            record = keep(run, tmp_path / "plugins" / "lenet5" / "results")
            (tmp_path / "docs").mkdir()
            command = command.replace("RUN", str(run)).replace("RECORD", str(record)).replace("PATH", str(fake))
        if command.startswith("fer score predictions.csv"):
            classes = ",".join(fake_fer2013.FOLDERS)
            rows = ["0.4,0.1,0.1,0.1,0.1,0.1,0.1", "0.1,0.1,0.1,0.4,0.1,0.1,0.1"] * 21  # of 42 test images
            (tmp_path / "predictions.csv").write_text("\n".join([classes, *rows]))
            command += " --data.check off"
        if "RUN_A" in command:
            first, second = two_seeds()
            if "--evaluated" in command:
                for run in (first, second):
                    assert main.call("fer", main._verb, ["evaluate", str(run), "--suite", "shift", "--limit", "7"]) == 0
            command = command.replace("RUN_A", str(first)).replace("RUN_B", str(second))
        for title in ("FER2013", "CKPLUS", "RAFDB"):
            if f"{title}/*" in command:
                folders = written_run.write_models(tmp_path, 3, title=title, size=60)
                command = command.replace(f"{title}/*", " ".join(folders))
        if command.startswith("fer claims"):
            write_reports(tmp_path)
        if "runs/TEACHER" in command:
            command = command.replace("runs/TEACHER", str(finished(tmp_path, "dcnn_bilstm_dam", "fer2013", fake)))
        return command

    return fill


def write_photos(folder):
    """Write what the documents predict on: a photograph, a folder of faces, a video."""
    import cv2
    from PIL import Image
    from skimage.data import astronaut

    (folder / "folder").mkdir()
    Image.fromarray(astronaut()[:256, 100:356]).save(folder / "photo.jpg")
    (folder / "folder" / "0001.png").write_bytes(fake_datasets.picture(0))
    video = cv2.VideoWriter(str(folder / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 64))
    video.write(np.zeros((64, 64, 3), np.uint8))
    video.release()


def write_reports(folder):
    """Write what the documents audit: the printed report, matrix and table of one classifier, and its notebook."""
    from sklearn.metrics import classification_report, confusion_matrix

    truth = np.repeat(np.arange(7), 20)
    predicted = np.where(np.arange(truth.size) % 3, truth, (truth + 1) % 7)
    names = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    report = classification_report(truth, predicted, target_names=names)
    (folder / "report.txt").write_text(report)
    rows = [",".join(map(str, row)) for row in confusion_matrix(truth, predicted)]
    body = [f"{name},{row}" for name, row in zip(names, rows, strict=True)]
    (folder / "matrix.csv").write_text("\n".join([f",{','.join(names)}", *body]) + "\n")
    cell = {"cell_type": "code", "source": [], "metadata": {}, "execution_count": 1}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": report.splitlines(keepends=True)}]
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "run.ipynb").write_text(json.dumps(notebook))
    lines = [f"{name} & 0.67 & 0.65 & 0.66 \\\\" for name in names]
    table = ["\\begin{tabular}{lrrr}", "class & precision & recall & F1 \\\\", *lines, "\\end{tabular}"]
    (folder / "table.tex").write_text("\n".join(table) + "\n")


def with_copies(command, fer2013, tmp_path):
    """Put a tiny copy of the right dataset for every PATH of a command."""
    layouts = {dataset: maker for dataset, maker in reversed(fake_datasets.LAYOUTS.values())}
    layouts["folder"] = lambda: folder_for(command)
    if "--protocol official_val" in command:  # a tenth of each class of train validates
        layouts["rafdb"] = lambda: fake_datasets.rafdb_folders(each=20)

    def copy(name):
        if name == "fer2013":
            return str(fer2013)
        return str(fake_datasets.write_folder(layouts[name](), tmp_path / name))

    command = re.sub(r"--data\.targets\.(\w+)\.root PATH", lambda m: m[0].replace("PATH", copy(m[1])), command)
    if named := re.search(r"--data (\w+) .*--data\.root PATH", command):
        command = command.replace("--data.root PATH", f"--data.root {copy(named[1])}")
    return command


def folder_for(command):
    """Return the files that a command on one's own images speaks of."""
    if "--data.csv list.csv" in command:
        return listed()
    if "train.txt" in command:
        lists = {"train": range(36), "test": range(36, 48)}
        rows = {name: "".join(f"{n}.png {LISTED[n % 3]}\n" for n in numbers) for name, numbers in lists.items()}
        images = {f"{n}.png": fake_datasets.picture(n) for n in range(48)}
        return {**images, **{f"{name}.txt": text.encode() for name, text in rows.items()}}
    if "--data.names" in command:
        return fake_datasets.class_folders(("enojado", "feliz", "neutral"), split=True)
    return fake_datasets.class_folders(each=10)


LISTED = ("happy", "sad", "neutral")


def listed():
    """A csv with the columns of the documents: twelve people, each with every class."""
    files, rows = {}, []
    for number in range(36):
        name, label = f"{number}.png", ("Happiness", "sad", "neutral")[number % 3]
        files[name] = fake_datasets.picture(number)
        rows.append((name, label, f"p{number // 3}"))
    return {**files, "list.csv": fake_datasets.table("image,emotion,person", rows)}


def overlay(tmp_path, words):
    """Return the flags that make a documented run quick without touching what it shows."""
    values = {"trainer": {"epochs": 1, "threads": 1}, "run": {"output": str(tmp_path / "runs")}}
    if "--logger" not in words:
        values["logger"] = {"name": "csv", "figures": "off"}
    named = words[words.index("--data") + 1] if "--data" in words else None
    if named in ("fer2013", "ckplus", "jaffe", "rafdb", "ferg"):
        targets = {name: {"check": "off"} for name in ("ckplus", "jaffe") if f"--data.targets.{name}.root" in words}
        values["data"] = {"name": named, "check": "off", "targets": targets}
        if named == "fer2013" and not {"--protocol", "--data.limit", "--data.votes"} & set(words):
            values["data"]["limit"] = 42  # two images of each class in each split
    elif named in ("folder", "ferplus", "affectnet"):
        values["data"] = {"name": named}
    elif not any(word.endswith("best.yaml") for word in words):
        values["data"] = QUICK["data"]
    if "paper_ckplus" in words:
        values["data"]["balance_total"] = 140
    if "paper_ferg" in words:
        values["protocol"] = {"test_per_class": 1, "val_images": 7}
    if "subject_kfold" in words and "--protocol.k" not in words:
        values["protocol"] = {"name": "subject_kfold", "k": 3}
    if "pretrained" in words and named == "jaffe":
        values["protocol"] = {"k": 3}
    if "--data.targets.others.name" in words:
        values["data"] = {**values["data"], "targets": {"others": {"samples": 63}}}
    if words[0] == "tune":
        values["data"]["batch_size"] = 8  # the documented number of steps, each of fewer images
    if "cpu" in words:
        values["trainer"]["epochs"] = 4  # of which three warm up
    path = tmp_path / "quick.yaml"
    path.write_text(yaml.safe_dump(values))
    return ["--config", str(path)]


def shortened_search(command, tmp_path):
    """Return a documented search with its own space, but few trials, on synthetic faces that can be told apart."""
    program, verb, space, *words = command.split()
    if space == "SPACE.yaml":  # the one that stands below the command
        page = (ROOT / "plugins" / "optuna_search" / "README.md").read_text()
        content = yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1])
    else:
        content = yaml.safe_load((ROOT / space).read_text())
    few = {"ngo": {"population": 2, "iterations": 1}, "random": {"trials": 2}, "bayes": {"trials": 2, "startup": 1}}
    content["search"] |= few[content["search"]["name"]]
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(content))
    words = words[: words.index("--data")] + words[words.index("--data") + 4 :]
    words += [] if "--trainer.epochs" in words else ["--trainer.epochs", "4"]
    words[words.index("--trainer.epochs") + 1] = "4"
    drawn = "--data synthetic --data.samples 210 --data.image_size 32 --data.difficulty 0.1 --data.batch_size 8"
    drawn += " --trainer.threads 1 --logger none"
    return " ".join([program, verb, str(tmp_path / "space.yaml"), *words, drawn]).replace("OUT", str(tmp_path / "out"))


def searched(tmp_path):
    documented = next(param.values[0] for param in COMMANDS if param.values[0].startswith("fer search"))
    assert main.call("fer", main._verb, shortened_search(documented, tmp_path).split()[1:]) == 0
    return tmp_path / "out"


def finished(tmp_path, plugin, data, root):
    words = ["--plugin", plugin, "--data", data, "--data.root", str(root)]
    assert main.call("fer-run", main._run, [*words, *overlay(tmp_path, words)]) == 0
    return next((tmp_path / "runs").iterdir())


def train_two_seeds(folder):
    """Train two runs that call more than one class, which a run of a single epoch seldom does."""
    drawn = "--data synthetic --data.samples 420 --data.difficulty 0.1 --data.batch_size 8 --augmentation none"
    words = f"--plugin lenet5 {drawn} --optimizer.lr 3e-3 --trainer.epochs 2 --trainer.threads 1 --logger none".split()
    for seed in ("0", "1"):
        assert main.call("fer-run", main._run, [*words, "--seed", seed, "--run.output", str(folder / "two")]) == 0
    return folder / "two"


def followed(tmp_path):
    words = ["--plugin", "lenet5", "--logger", "wandb", "--logger.figures", "off"]
    assert main.call("fer-run", main._run, [*words, *overlay(tmp_path, words)]) == 0
    run = next((tmp_path / "runs").iterdir())
    (logged,) = run.glob("wandb/offline-run-*")
    end = time.monotonic() + 300  # W&B's service may write the last records after the run has ended
    while "val/accuracy" not in (printed := inspect_wandb("leet", "inspect", "--summary", str(logged))):
        assert time.monotonic() < end, printed
    return run


def inspect_wandb(*words):
    return subprocess.check_output([sys.executable, "-m", "wandb", *words], text=True)


def interrupted(tmp_path):
    words = ["--plugin", "conv_relu_ann"]
    assert main.call("fer-run", main._run, [*words, *overlay(tmp_path, words)]) == 0
    folder = next((tmp_path / "runs").iterdir())
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    settings["trainer"]["epochs"] = 2
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "status": "interrupted"}))
    return folder


def test_the_documents_show_commands():
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command(command, place, tmp_path, capsys):
    if command in IN_CI:
        return
    program, *words = shlex.split(place(command))
    if program == "wandb":
        assert "val/accuracy" in inspect_wandb(*words)
        return
    assert program in ("fer", "fer-run"), f"nothing runs {command!r}; make it run here or in .ci/run"
    if program == "fer":
        quick = overlay(tmp_path, words) if words[0] in ("inflation", "protocol-bias", "tune") else []
        if words[0] == "protocol-bias":  # the last one given counts
            quick += ["--trainer.epochs", "2", "--seeds", "2"]
            quick += [] if "fer2013" in words else ["--data.samples", "280", "--data.subjects", "4"]
        quick += ["--data.samples", "63", "--data.subjects", "3"] if words[0::2][:2] == ["data", "synthetic"] else []
        code = main.call("fer", main._verb, [*words, *quick])
        assert code == 0 or (words[:2] == ["data", "check"] and code == 1)  # a tiny copy is not the release
    else:
        quick = [] if {"--help", "--list", "--print-config", "--resume"} & set(words) else overlay(tmp_path, words)
        code = main.call("fer-run", main._run, [*words, *quick])
        printed = capsys.readouterr()
        if code == 2 and "pretrained" in words and "cannot be reached" in printed.err:
            pytest.skip("the weights are downloaded, and the hub cannot be reached")
        assert code == 0, printed.err
        assert printed.out or "--out" in words
        return
    assert capsys.readouterr().out or "--out" in words


def test_ci_runs_the_readmes_two_commands_word_for_word():
    readme, script = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    patterns = re.findall(r"sed -n 's/\^    \\\((.*?)\\\)\$", script)
    assert len(patterns) == 2
    for pattern in patterns:
        assert pattern in IN_CI
        assert f"\n    {pattern}\n" in readme


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_in_the_documents(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for language, lines in blocks(path):
        if language == "python":
            exec(compile("\n".join(lines), str(path), "exec"), {})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
