"""Write a run's model card: metadata of the Hugging Face hub, scores with intervals, limitations and licences."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from fer_plugins.metrics.cluster_keys import describe_unit, interval_of
from fer_plugins.metrics.copies import copy_groups, find_too_few
from fer_plugins.metrics.table import CLASS_TABLE, SUMMARY
from fer_plugins.runs.manifest import header
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.remarks import list_warnings
from fer_plugins.runs.score_tables import describe_kinds

OTHER = "other"  # the hub's identifier for a licence that is not on its list
_GROUPS = {"all": "all", "without_copies": "without a copy in training", "with_copies": "with a copy in training"}
_LIMITS = (
    "A face shows an expression, not what a person feels: do not read emotions, health, honesty or fitness from it.",
    "Not for decisions about people (hiring, policing, education, insurance, border control). In the European Union "
    "the AI Act forbids emotion recognition at work and in education, but for medical and safety reasons.",
    "Expressions were labelled by people who disagree with one another; the classes are coarse and the labels noisy.",
    "Nobody measured how the numbers differ by age, sex, skin colour or culture; the data do not say who is shown.",
    "Other cameras, light, poses and age groups than those of the data make it worse; the intervals above hold for "
    "pictures of the same source only.",
    "The intervals say how the numbers vary with what is tested, not with another training: this is one seed.",
)


def write_card(run: FinishedRun, name: str, licence: str | None, data_licence: str | None) -> str:
    """Return README.md: the metadata block and the text.

    Args:
        run: a single finished run.
        name: name of the model.
        licence: licence of the weights, an identifier of the hub such as apache-2.0; None: not stated.
        data_licence: terms of the pictures; None: as far as known here.
    """
    metadata = describe_model(run, name, licence)
    block = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{block}---\n\n" + "\n\n".join(_sections(run, name, licence, data_licence)) + "\n"


def describe_model(run: FinishedRun, name: str, licence: str | None) -> dict[str, Any]:
    """Return the metadata block: ``model-index`` has the scores of the reported split, with their 95 % intervals."""
    manifest = run.record.manifest
    metrics = [
        {
            "type": metric,
            "name": title,
            "value": round(float(run.scores[metric]), 6),
            **({"args": {"confidence_interval_95": [round(ends["low"], 6), round(ends["high"], 6)]}} if ends else {}),
        }
        for metric, title in SUMMARY.items()
        for ends in [interval_of(run.scores, metric)]
    ]
    protocol = manifest["protocol"]["name"]
    dataset = {"name": run.title, "type": manifest["data"]["name"], "split": run.split, "args": {"protocol": protocol}}
    task = {"type": "image-classification", "name": "Facial expression recognition"}
    unstated = {"license_name": "not-stated"} if licence is None else {}
    return {
        "license": licence or OTHER,
        **unstated,
        "library_name": "fer-plugins",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition", "fer-plugins", manifest["plugin"]["name"]],
        "metrics": [metric["type"] for metric in metrics],
        "model-index": [{"name": name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}],
    }


def _count_images(run: FinishedRun) -> str:
    """Return the number of training images as text, "" if an older version did not record it."""
    counts = (run.record.manifest["data"].get("counts") or {}).get("train")
    return f"{sum(counts.values()):,} images of " if counts else ""


def _sections(run: FinishedRun, name: str, licence: str | None, data_licence: str | None) -> Iterable[str]:
    manifest = run.record.manifest
    yield f"# {plain(name)}"
    for warning in list_warnings(run.record):
        yield f"**{plain(warning)}**"
    plugin = manifest["plugin"]
    yield (
        f"Facial expression recognition: `{plain(plugin['name'])}` of the plug-in {plain(plugin['distribution'])} "
        f"{plain(plugin['version'])}, trained on {_count_images(run)}{plain(run.title)} with "
        f"fer-plugins. Classes, in label order: {', '.join(map(plain, run.classes))}."
    )
    yield "## Use\n\n```bash\nfer predict FOLDER photo.jpg\n```"
    yield (
        f"It needs fer-plugins, {plain(plugin['distribution'])} and safetensors. FOLDER is this file's folder. How "
        "a picture becomes the network's input stands in `config.json` under `fer_plugins.preprocessing`."
    )
    yield f"## Numbers\n\n{_summary(run)}"
    yield _classes(run)
    yield f"## What was run\n\n{_list(f'{key}: {plain(value)}' for key, value in header(run.record).items())}"
    for notice in manifest.get("warnings", ()):
        yield f"Warning: {plain(notice)}."
    if manifest.get("assumed"):
        readings = (f"`{plain(key)}`: {plain(reason)}" for key, reason in manifest["assumed"].items())
        yield f"Readings that the paper leaves open:\n\n{_list(readings)}"
    yield "## Intended use\n\nResearch on facial expression recognition: to compare with, to repeat, to build on."
    yield f"## Limits\n\n{_list(_LIMITS)}"
    weights = (
        f"The weights: {plain(licence)}."
        if licence
        else "The weights: not stated. State it before you publish this model."
    )
    pictures = data_licence or f"{terms_of(manifest['data']['name'])} Read the terms of whoever gave them out."
    yield f"## Licence\n\n{weights}\n\nThe pictures: {plain(pictures)}"
    if paper := manifest.get("paper"):
        yield f"## Paper\n\n{_paper(paper)}"


def _summary(run: FinishedRun) -> str:
    groups = {"all": run.scores, **copy_groups(run.scores)}
    rows = [
        [
            _GROUPS.get(group, group),
            f"{scores['n']:,}",
            *(
                "-"
                if metric in find_too_few(run.scores, group)
                else _score(scores, metric, interval_of(scores, metric))
                for metric in SUMMARY
            ),
        ]
        for group, scores in groups.items()
    ]
    reasons = dict.fromkeys(plain(reason) for group in groups for reason in find_too_few(run.scores, group).values())
    unsaid = f" -: too few images to score them: {'; '.join(reasons)}." if reasons else ""
    text = table([f"images of {run.split}", "n", *SUMMARY.values()], rows)
    copies = run.scores.get("copies")
    copied = f" {describe_kinds(copies)}." if copies else ""
    return (
        f"{text}\n\nIn parentheses: 95 % intervals {describe_unit(run.scores)}, as docs/metrics.md of fer-plugins "
        f"defines them.{copied}{unsaid}"
    )


def _classes(run: FinishedRun) -> str:
    intervals = run.scores["intervals"].get("per_class", {})
    rows = [
        [
            name,
            f"{scores['support']:,}",
            *(_score(scores, metric, intervals.get(name, {}).get(metric)) for metric in CLASS_TABLE),
        ]
        for name, scores in run.scores["per_class"].items()
    ]
    return f"{table(['class', 'images', *CLASS_TABLE.values()], rows)}\n\nOf the classes: 95 % intervals over images."


def _score(scores: Mapping[str, Any], metric: str, ends: Mapping[str, Any] | None) -> str:
    value = scores.get(metric)
    if value is None:
        return "-"
    return f"{value:.4f}" + (f" ({ends['low']:.4f} to {ends['high']:.4f})" if ends else "")


def _paper(paper: Mapping[str, Any]) -> str:
    authors = ", ".join(map(str, paper.get("authors") or ()))
    parts = [authors, f"{paper['title']}", *(str(paper[key]) for key in ("venue", "year", "doi") if paper.get(key))]
    return plain(". ".join(filter(None, parts))) + ". The numbers above are of this training, not of the paper."


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is left-aligned text, all others are right-aligned."""
    rule = ["---", *("---:" for _ in titles[1:])]
    return "\n".join(f"| {' | '.join(map(plain, row))} |" for row in (titles, rule, *rows))


def plain(text: object) -> str:
    """Escape a text for Markdown and HTML: one line, without foreign markup."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*\[\]|])", r"\\\1", line)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


# Short, as commonly known in the field; not quoted, and not checked against current web pages.
TERMS = {
    "fer2013": "FER-2013 was given out for the ICML 2013 challenge on Kaggle, under the rules of that challenge. Its "
    "pictures were found by a web search: they belong to their owners, and no open licence covers them.",
    "ferplus": "The FER+ votes are under the MIT licence (Microsoft). The pictures are those of FER-2013: found by a "
    "web search, they belong to their owners, and no open licence covers them.",
    "ckplus": "CK+ is given out by its authors on a signed agreement, for research that is not commercial.",
    "jaffe": "JAFFE is given out by its authors on request, for research that is not commercial.",
    "rafdb": "RAF-DB is given out by its authors on request, for research that is not commercial.",
    "ferg": "FERG-DB is given out by its authors on request, for research that is not commercial.",
    "affectnet": "AffectNet is given out by its authors on a signed agreement, for research that is not commercial.",
    "synthetic": "The faces were drawn by fer-plugins (Apache-2.0) and show nobody.",
}
UNKNOWN = "Not stated: fer-plugins does not know the terms of these pictures. State them before you publish this model."


def terms_of(dataset: str) -> str:
    """Return the terms of a dataset by its name in ``fer list``."""
    return TERMS.get(dataset, UNKNOWN)
