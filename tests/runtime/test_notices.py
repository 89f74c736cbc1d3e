"""Sentences that are values: text where they are printed, code and data where code must know what they say."""

import copy
import json
import pickle

from fer_plugins.runs.record import Record
from fer_plugins.runtime.errors import InputError, RunError
from fer_plugins.runtime.notices import Notice, as_values, code_of, from_values

LEAKS = Notice("leaks", "the splits leak: 2 images", {"images": 2})


def test_a_notice_is_its_text_and_carries_code_and_data():
    assert f"{LEAKS}" == "the splits leak: 2 images" == LEAKS
    assert json.dumps([LEAKS]) == '["the splits leak: 2 images"]'
    assert (code_of(LEAKS), LEAKS.data, code_of("the splits leak: 2 images")) == ("leaks", {"images": 2}, "")
    for copied in (copy.deepcopy(LEAKS), pickle.loads(pickle.dumps(LEAKS))):
        assert (copied, copied.code, copied.data) == (LEAKS, "leaks", {"images": 2})


def test_codes_come_back_from_json_and_what_is_no_notice_stays_text():
    written = json.loads(json.dumps(as_values([LEAKS, "plain"])))
    assert written == [{"code": "leaks", "text": str(LEAKS), "data": {"images": 2}}]
    assert [code_of(sentence) for sentence in from_values([str(LEAKS), "plain"], written)] == ["leaks", ""]
    for damaged in (None, "x", [1], [{"text": str(LEAKS)}]):
        assert from_values([str(LEAKS)], damaged) == [LEAKS]


def test_a_run_keeps_the_codes_of_its_warnings_and_one_recorded_earlier_has_none(tmp_path):
    (tmp_path / "config.yaml").write_text("plugin: net\n")
    Record(tmp_path, manifest={"warnings": [LEAKS, "plain"]}).write_manifest(status="finished")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["warnings"] == [str(LEAKS), "plain"]
    assert [code_of(warning) for warning in Record.read(tmp_path).manifest["warnings"]] == ["leaks", ""]
    del manifest["notices"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert [code_of(warning) for warning in Record.read(tmp_path).manifest["warnings"]] == ["", ""]


def test_errors_say_what_they_are_about():
    error = pickle.loads(pickle.dumps(InputError("data.limit is 0", key="data.limit")))
    assert (str(error), error.key) == ("data.limit is 0", "data.limit")
    assert InputError("wrong").key is None
    assert RunError("cannot read x: gone", cause="gone").cause == "gone"
