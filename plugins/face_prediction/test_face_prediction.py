"""fer predict on pictures, lists, videos and what is none: rows, flags, annotated files, one line for what is wrong."""

import csv
import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from fer_face_prediction.annotation import _draw_over_time
from fer_face_prediction.predictor import Predictor
from PIL import Image, ImageFilter
from skimage.data import astronaut

from fer_plugins.commands import main
from fer_plugins.experiments.run import run
from fer_plugins.runtime.errors import RunError

PHOTO = Image.fromarray(astronaut()[:256, 100:356])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    section = {"name": "synthetic", "samples": 63, "subjects": 3, "workers": 0, "cache": "none"}
    output = {"output": str(tmp_path_factory.mktemp("runs"))}
    settings = {"plugin": "lenet5", "data": section, "logger": "none", "run": output}
    return run({**settings, "trainer": {"epochs": 1, "progress": "none", "threads": 1}}).folder


@pytest.fixture
def call(trained, tmp_path, monkeypatch, capsys):
    """Return a function that calls fer predict RUN ... in a folder of pictures: code, standard output, errors."""
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    PHOTO.save(photos / "one.png")
    blurred = PHOTO.filter(ImageFilter.GaussianBlur(9))
    blurred.paste(PHOTO.filter(ImageFilter.GaussianBlur(4)), (0, 0))
    blurred.save(photos / "blurred.png")
    Image.new("RGB", (200, 200), "grey").save(photos / "more" / "nobody.png")
    PHOTO.crop((69, 62, 179, 172)).resize((10, 10)).save(photos / "more" / "small.png")
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        capsys.readouterr()
        code = main.call("fer", main._verb, ["predict", str(trained), *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return invoke


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_folder_of_pictures(call, tmp_path):
    code, out, err = call("photos", "--format", "csv")
    rows = {row["file"]: row for row in rows_of(out)}
    assert code == 0
    assert list(rows) == ["photos/blurred.png", "photos/more/nobody.png", "photos/more/small.png", "photos/one.png"]
    assert "detector: lbp; a picture of at most 128 pixels a side is taken for one face" in err
    assert "4 pictures, 3 faces, 1 pictures without a face" in err
    one = rows["photos/one.png"]
    assert one["detector"] == "lbp"
    box = [int(one[side]) for side in ("left", "top", "right", "bottom")]
    assert box[0] < 124 < box[2]
    assert box[1] < 117 < box[3]  # the nose's root
    shares = {name[2:]: float(value) for name, value in one.items() if name.startswith("p_")}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
    assert one["predicted"] == max(shares, key=shares.get)
    assert ("uncertain" in one["flags"]) == (max(shares.values()) < 0.5)
    assert "blurred" not in one["flags"]
    assert "blurred" in rows["photos/blurred.png"]["flags"]
    small, nobody = rows["photos/more/small.png"], rows["photos/more/nobody.png"]
    assert (small["detector"], small["flags"].split()[0]) == ("none", "small")
    assert (nobody["flags"], nobody["predicted"], nobody["p_happy"]) == ("no_face", "", "")
    # The same through other words, as JSON and as a table.
    assert call("photos/**/*.png", "--out", "rows.jsonl")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {line["file"]: line["predicted"] or "" for line in lines} == {f: row["predicted"] for f, row in rows.items()}
    same = next(line for line in lines if line["file"] == "photos/one.png")
    assert same["box"] == box
    assert same["probabilities"] == pytest.approx(shares, abs=1e-9)
    _, out, _ = call("photos/one.png", "photos/more/nobody.png")
    assert [line.split()[0] for line in out.splitlines()] == ["file", "photos/one.png", "photos/more/nobody.png"]
    _, out, err = call("photos/more/nobody.png", "--detector", "none", "--format", "csv", "--calibrate")
    assert rows_of(out)[0]["predicted"]
    assert "calibrated: temperature" in err


def test_a_list_on_standard_input_names_and_counts_what_cannot_be_read(call, tmp_path, monkeypatch):
    whole = (tmp_path / "photos" / "one.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    names = "photos/one.png\n\ncut.png\nphotos/gone.png\nphotos/more\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(names))
    code, out, err = call("-", "--format", "csv")
    assert code == 1
    assert [row["file"] for row in rows_of(out)] == [
        "photos/one.png",
        "photos/more/nobody.png",
        "photos/more/small.png",
    ]
    assert "not read: cut.png: the image file is truncated" in err
    assert "not read: photos/gone.png: no such file or directory" in err
    assert "2 files not read" in err


def test_every_kind_of_picture_is_the_same_picture(call, tmp_path):
    grey = PHOTO.crop((60, 60, 180, 180)).convert("L")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    alpha = grey.convert("RGBA")
    files = {
        "grey.png": (grey, {}),
        "rgb.png": (grey.convert("RGB"), {}),
        "alpha.png": (alpha, {}),
        "palette.png": (grey.convert("P"), {}),
        "sixteen.png": (Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), {}),
        "turned.png": (grey.transpose(Image.Transpose.ROTATE_90), {"exif": exif}),
        "cmyk.tif": (grey.convert("RGB").convert("CMYK"), {}),
    }
    for name, (image, options) in files.items():
        image.save(tmp_path / name, **options)
    code, out, _ = call(*files, "--format", "csv")
    rows = rows_of(out)
    assert (code, len(rows)) == (0, len(files))
    shares = np.array([[float(value) for name, value in row.items() if name.startswith("p_")] for row in rows])
    np.testing.assert_allclose(shares, np.broadcast_to(shares[0], shares.shape), rtol=0, atol=1e-6)


def test_a_video_frame_by_frame_with_its_annotated_copy_and_figure(call, tmp_path, monkeypatch):
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, PHOTO.size)
    for number in range(6):
        pixels = np.asarray(PHOTO) if number < 4 else np.full((256, 256, 3), 128, np.uint8)
        writer.write(np.ascontiguousarray(pixels[..., ::-1]))
    writer.release()
    code, out, err = call("clip.mp4", "photos/one.png", "--every", "2", "--annotate", "annotated", "--format", "csv")
    rows = rows_of(out)
    assert code == 0
    assert [(row["frame"], row["time"]) for row in rows] == [("0", "0.000"), ("2", "0.200"), ("4", "0.400"), ("", "")]
    assert [row["flags"] == "no_face" for row in rows] == [False, False, True, False]
    assert "annotated: 2 in annotated" in err
    written = sorted(path.name for path in (tmp_path / "annotated").iterdir())
    assert written == ["clip.csv", "clip.mp4", "clip.png", "clip.svg", "one.png"]
    assert rows_of((tmp_path / "annotated" / "clip.csv").read_text()) == rows[:3]
    capture = cv2.VideoCapture(str(tmp_path / "annotated" / "clip.mp4"))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (3, 5)
    before, after = (np.asarray(Image.open(tmp_path / path)) for path in ("photos/one.png", "annotated/one.png"))
    left, top, right, _ = (int(rows[3][side]) for side in ("left", "top", "right", "bottom"))
    changed = (before != after).any(2)
    assert changed[top, left:right].mean() > 0.9
    assert not changed[top + 10 : top + 30, left + 10 : right - 10].any()
    assert call("clip.mp4", "--frames", "1")[1].count("clip.mp4") == 1
    # No machine of the tests has a camera: the film stands for what it sees.
    film = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", lambda source: film("clip.mp4" if source == 0 else source))
    _, out, err = call("--camera", "0", "--frames", "3", "--annotate", "filmed", "--format", "csv")
    assert [(row["file"], row["frame"]) for row in rows_of(out)] == [("camera 0", str(frame)) for frame in range(3)]
    assert "annotated: 1 in filmed" in err
    assert (tmp_path / "filmed" / "camera 0.mp4").is_file()


@pytest.mark.parametrize("what", ["photos", "clip.mp4"])
def test_ctrl_c_leaves_one_line_and_nothing_half_written(call, tmp_path, monkeypatch, what):
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, PHOTO.size)
    for _ in range(3):
        writer.write(np.asarray(PHOTO)[..., ::-1].copy())
    writer.release()
    monkeypatch.setattr("fer_face_prediction.pipeline.BATCH", 1)
    predict_batch, calls = Predictor.predict_batch, []

    def interrupted(self, prepared):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return predict_batch(self, prepared)

    monkeypatch.setattr(Predictor, "predict_batch", interrupted)
    code, _, err = call(what, "--out", "rows.csv", "--annotate", "annotated")
    assert code == 130
    assert err.splitlines()[-1] == "fer: interrupted"
    assert "Traceback" not in err
    assert not list(tmp_path.glob("*rows*"))
    pictures = list((tmp_path / "annotated").iterdir())
    assert len(pictures) in ((1, 2, 3) if what == "photos" else (0,))
    for path in pictures:
        Image.open(path).verify()


def test_a_video_that_cannot_be_written_to_its_end_is_not_there(call, tmp_path, monkeypatch):
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, PHOTO.size)
    for _ in range(4):
        writer.write(np.asarray(PHOTO)[..., ::-1].copy())
    writer.release()
    # OpenCV says nothing of a full disk: the file ends early, and has no index.
    monkeypatch.setattr("fer_face_prediction.video.count_frames", lambda path: 0)
    code, _, err = call("clip.mp4", "--annotate", "annotated", "--out", "rows.csv")
    assert (code, "is the disk full?" in err.splitlines()[-1]) == (1, True)
    assert list((tmp_path / "annotated").iterdir()) == [] == list(tmp_path.glob("*rows*"))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)

    def fails(*given):
        raise RunError("cannot write clip.png: File too large")

    monkeypatch.setattr("fer_plugins.analysis.figures.style.write_figure", fails)
    assert call("clip.mp4", "--annotate", "annotated")[0] == 1
    assert list((tmp_path / "annotated").iterdir()) == []


def test_a_full_disk_behind_standard_output_is_one_line(trained, tmp_path):
    PHOTO.resize((48, 48)).save(tmp_path / "face.png")
    program = "import sys; from fer_plugins.commands import main; sys.exit(main.call('fer', main._verb, sys.argv[1:]))"
    with open("/dev/full", "w") as full:
        words = ["predict", str(trained), str(tmp_path / "face.png")]
        done = subprocess.run([sys.executable, "-c", program, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == ["fer: standard output: No space left on device"]


def test_names_that_are_no_utf_8_or_have_line_ends(call, tmp_path):
    (tmp_path / "odd").mkdir()
    names = [b"\xff.png", b"new\nline.png"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), b"odd", name), "wb") as stream:
            PHOTO.resize((48, 48)).save(stream, format="PNG")
    (tmp_path / "odd" / "nowhere.png").symlink_to("gone")
    assert call("odd", "--out", "rows.csv")[0] == 1
    with (tmp_path / "rows.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        assert [os.fsencode(row["file"]) for row in csv.DictReader(stream)] == [b"odd/" + name for name in names[::-1]]
    assert call("odd", "--out", "rows.jsonl")[0] == 1
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [os.fsencode(json.loads(line)["file"]) for line in lines] == [b"odd/" + name for name in names[::-1]]
    code, out, err = call("odd")
    assert (code, len(out.splitlines())) == (1, 3)  # the header and one line a file
    assert "not read: odd/nowhere.png: no such file or directory" in err


def test_without_opencv_a_video_is_refused_with_what_installs_it(call, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    code, out, err = call("clip.mp4")
    assert (code, out) == (2, "")
    assert "pip install 'opencv-python-headless<5,>=4.9'" in err.splitlines()[-1]
    assert call("--camera", "0")[0] == 2
    assert call("photos/one.png")[0] == 0


WRONG = {
    "no camera": (["--camera", "99"], "there is no such camera"),
    "no video": (["bad.mp4"], "no frame of this video can be decoded"),
    "no picture": (["bad.png"], "the file is not an image"),
    "one pixel": (["1.png"], "1 x 1 pixels are too few"),
    "too large": (["wide.png"], "30000 x 9 pixels are too many"),
    "nothing there": (["gone.png"], "gone.png: there is no such file or folder"),
    "no match": (["*.webp"], "no file matches"),
    "an empty folder": (["empty"], "no picture or video is in this folder"),
    "nothing given": ([], "give pictures, or --camera 0"),
    "both": (["1.png", "--camera", "0"], "leave the paths out"),
    "detector": (["photos", "--detector", "lpb"], "lbp"),
    "ending": (["photos", "--out", "rows.txt"], "add --format"),
    "own folder": (["photos", "--annotate", "photos"], "give another folder"),
    "own file": (["photos", "--format", "csv", "--out", "photos/one.png"], "is one of the files that are read"),
    "a device": (["photos", "--format", "csv", "--out", "pipe"], "pipe: is not an ordinary file"),
    "frames": (["photos", "--frames", "3"], "no video is given"),
    "closed input": (["-"], "standard input lists no file"),
    "a device without memory": (["photos", "--device", "meta"], "device meta:"),
    "all bad": (["1.png", "bad.png"], "none of 2 files can be read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_line_and_nothing_is_written(call, tmp_path, monkeypatch, case):
    Image.new("L", (1, 1)).save(tmp_path / "1.png")
    Image.new("L", (30_000, 9)).save(tmp_path / "wide.png")
    (tmp_path / "bad.png").write_text("no image")
    (tmp_path / "bad.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    words, text = WRONG[case]
    if case == "closed input":
        monkeypatch.setattr(sys, "stdin", None)
    before = sorted(path for path in tmp_path.rglob("*"))
    outputs = [] if {"--out", "--annotate"} & set(words) else ["--out", "out.csv", "--annotate", "annotated"]
    code, out, err = call(*words, *outputs)
    assert (code, out) == (2, "")
    assert text in err.splitlines()[-1]
    assert "Traceback" not in err
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_detector_that_fails_is_named(call, monkeypatch):
    def fails(*given):
        raise ZeroDivisionError("no pixels")

    monkeypatch.setattr("fer_plugins.data.detectors.lbp.LBP.__call__", fails)
    code, out, err = call("photos/one.png", "--out", "out.csv")
    assert (code, out) == (1, "")
    assert "photos/one.png: the detector lbp fails: no pixels; give another --detector" in err.splitlines()[-1]


@pytest.mark.parametrize(("temperature", "is_said"), [(99.999, True), (0.01, True), (1.3, False)])
def test_a_temperature_at_the_end_of_the_search_is_said(call, monkeypatch, temperature, is_said):
    monkeypatch.setattr("fer_face_prediction.predictor.fit_temperature", lambda *given: temperature)
    code, _, err = call("photos/more/small.png", "--calibrate", "--detector", "none")
    assert (code, "is an end of the range that is searched (0.01 to 100)" in err) == (0, is_said)


def test_the_figure_over_time_ends_with_the_film_not_with_the_last_face():
    times, shares = np.arange(6) / 10, np.full((6, 2), 0.5)
    shares[[0, 4, 5]] = np.nan  # no face
    (axis,) = _draw_over_time(times, shares, ["happy", "sad"], "a film").axes
    assert axis.get_xlim() == (0.0, 0.5)
