"""Facts about the run: command, versions, protocol in words, seeds, faults, cost, and how to repeat it."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from fer_html_report.blocks import Block, Code, Facts, Fold, Paragraph, Table
from fer_html_report.numbers import count, duration, without_folders
from fer_plugins.analysis.measured_claim import name_protocol
from fer_plugins.config import registry
from fer_plugins.runs.read_runs import FinishedRun
from fer_plugins.runs.remarks import list_remarks, name_fault
from fer_plugins.runtime.errors import InputError
from fer_plugins.runtime.plain_values import shell_word


def what_was_run(run: FinishedRun) -> Iterator[Block]:
    """Yield command, plug-in, commit, versions, device."""
    manifest, config = run.record.manifest, run.record.config
    plugin, paper = manifest["plugin"], manifest.get("paper") or {}
    model = config.get("model") or {}
    pool = model.get("pool")
    sessions = manifest.get("sessions") or []
    facts = {
        "Architecture": f"{plugin['name']} ({plugin['distribution']} {plugin['version']})",
        "Recipe": config.get("recipe") or "default",
        "Pooling": (pool.get("name") if isinstance(pool, Mapping) else pool) or "the architecture's own",
        "Paper": _name_paper(paper),
        "Commit of fer-plugins": manifest.get("git") or "not recorded (not a checkout)",
        "Started": ", ".join(session["started"] for session in sessions if session.get("started")) or "not recorded",
        "Device": ", ".join(dict.fromkeys(session.get("device", "unknown") for session in sessions)) or "not recorded",
        "Folder": run.name,
    }
    yield Facts([(term, value) for term, value in facts.items() if value])
    if manifest.get("command"):
        program, *arguments = map(str, manifest["command"])
        yield Code(shlex.join([PurePath(program).name, *without_folders(arguments)]))
    else:
        yield Paragraph("The command is not recorded.", "gap")
    versions = {name: version for name, version in (manifest.get("versions") or {}).items() if version}
    if versions:
        yield Fold("Versions", [Facts(list(versions.items()))])
    yield Fold("Configuration (config.yaml)", [Code(yaml.safe_dump(without_folders(config), sort_keys=False).rstrip())])


def _name_paper(paper: Mapping[str, Any]) -> str:
    authors = paper.get("authors") or []
    who = f"{authors[0]} et al." if len(authors) > 2 else " and ".join(map(str, authors))
    parts = (who, paper.get("title"), paper.get("venue"), paper.get("year"))
    doi = f"doi:{paper['doi']}" if paper.get("doi") else None
    return ". ".join(str(part).rstrip(".") for part in (*parts, doi) if part)


def protocol(run: FinishedRun) -> Iterator[Block]:
    """Yield the protocol in sentences: training and selection splits, reported split, openings of the test split."""
    manifest, reported = run.record.manifest, run.split
    facts = manifest["protocol"]
    own = _describe_protocol(str(facts["name"]))
    yield Paragraph(f"Protocol {name_protocol(facts)}.{f' {own}' if own else ''}")
    if facts.get("flaw"):
        yield Paragraph(f"This protocol is flawed: {facts['flaw']}", "warning")
    sizes = {split: sum(classes.values()) for split, classes in (manifest["data"].get("counts") or {}).items()}
    sentences = []
    if run.elsewhere:
        yield Paragraph(f"{run.elsewhere[:1].upper()}{run.elsewhere[1:]}.", "warning")
    elif "train" in sizes:
        limit = manifest["data"].get("limit")
        part = f" (only part of the data: data.limit {limit})" if limit is not None else ""
        sentences.append(f"The network was trained on {sizes['train']:,} images of the training split{part}.")
    if run.is_folds:
        folds = [name for name in manifest.get("folds") or [] if name]
        sentences.append(f"{len(folds)} folds, a network each; their predictions are pooled.")
    selected = manifest.get("selected_on") or {}
    if selected.get("split"):
        sentences.append(_describe_selection(selected, sizes, manifest))
    sentences.append(
        f"Reported is {reported}, {count(run.scores['n'])} images"
        + (", which the network was selected on as well." if reported == selected.get("split") else ".")
    )
    yield Paragraph(" ".join(sentences))
    openings = manifest.get("test_opened")
    if openings is None:
        yield Paragraph("When the test split was opened is not recorded.", "gap")
    elif not openings:
        yield Paragraph("The test split was not opened.")
    else:
        times = "once" if len(openings) == 1 else f"{len(openings)} times"
        yield Paragraph(f"The test split was opened {times}: {'; '.join(openings)}.")


def _describe_protocol(name: str) -> str:
    """Return the first paragraph of a protocol's documentation, "" if it is not installed."""
    try:
        text = inspect.getdoc(registry.load(registry.find("protocol", name))) or ""
    except InputError:
        return ""
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "")


def _describe_selection(selected: Mapping[str, Any], sizes: Mapping[str, int], manifest: Mapping[str, Any]) -> str:
    split = "the validation split" if selected["split"] == "val" else f"the {selected['split']} split"
    images = f", {sizes[selected['split']]:,} images" if selected["split"] in sizes else ""
    epoch = f"epoch {manifest['best_epoch']} of {manifest['epochs']}" if manifest.get("best_epoch") else "the epoch"
    if selected.get("name") == "last":
        return f"The last epoch was taken ({epoch})."
    extreme = "lowest" if selected.get("mode") == "min" else "highest"
    return f"Selected was {epoch}, that of the {extreme} {selected.get('metric')} ({split}{images})."


def seeds(run: FinishedRun) -> Iterator[Block]:
    """Yield the seeds, and the limits of a single training."""
    manifest = run.record.manifest
    names = {"run": "of the training", "protocol": "of the splits", "evaluation": "of the evaluation"}
    recorded_seeds = manifest["seeds"] | ({"run": "not known"} if run.known_seed is None else {})
    yield Facts([(f"Seed {names.get(name, name)}", str(seed)) for name, seed in recorded_seeds.items()])
    series = manifest.get("series") or {}
    where = f" It is number {series['number'] + 1} of a series of {series['count']} seeds." if series else ""
    yield Paragraph(
        "The intervals of this run are those of its test images, for the network as it was trained. How far another "
        f"training would lie from it they do not say.{where}",
        "note",
    )


def alarms(run: FinishedRun) -> list[str]:
    """Return the warnings about the numbers, as shown above them and among the faults."""
    remarks = [remark[0].upper() + remark[1:] for remark in list_remarks(run.record.manifest)]
    return [*map(name_fault, run.faults), *remarks]


def faults(run: FinishedRun) -> Iterator[Block]:
    """Yield faults of the numbers, the run's warnings, and what was assumed where the paper is silent."""
    manifest = run.record.manifest
    against = alarms(run)
    for text in against:
        yield Paragraph(f"{text}.", "warning")
    warnings = manifest.get("warnings") or []
    for text in warnings:
        yield Paragraph(str(text), "note")
    if not against and not warnings:
        yield Paragraph("None was found.")
    if assumed := manifest.get("assumed") or {}:
        rows = [[key, str(reason)] for key, reason in assumed.items()]
        title = f"Assumed where the paper is silent ({len(rows)})"
        yield Fold(title, [Table(title, ["Setting", "Reason"], rows, frozenset({1}))])


def cost(run: FinishedRun) -> Iterator[Block]:
    """Yield the size of the network and the training time."""
    from fer_plugins.analysis.columns import network_cost

    records = run.record.read_folds()
    sessions = [session for record in records for session in record.manifest.get("sessions") or []]
    facts = []
    network = network_cost(records[0].folder)
    if network is not None:
        facts += [
            ("Trainable parameters", f"{network['params']:,}"),
            ("Multiply-adds per image", f"{network['macs']:,}"),
            ("Weights", f"{network['mb']:.2f} MB (float32)"),
        ]
    if epochs := [record.manifest["epochs"] for record in records if record.manifest.get("epochs")]:
        facts.append(("Epochs", ", ".join(map(str, epochs))))
    if times := [session["fit_seconds"] for session in sessions if session.get("fit_seconds") is not None]:
        earlier = sum(session.get("epochs_before", 0) for session in sessions)
        note = f" (without {earlier} epochs of sessions before it was resumed)" if earlier and len(times) == 1 else ""
        facts.append(("Training time", duration(sum(times)) + note))
    if facts:
        yield Facts(facts)
    if network is None:
        yield Paragraph("The size of the network is not known: its checkpoint or its plug-in is not here.", "gap")
    if not times:
        yield Paragraph("The training time is not recorded.", "gap")


def repeat(run: FinishedRun) -> Iterator[Block]:
    """Yield the commands that repeat the run and check it."""
    facts = run.record.manifest["data"]
    if run.elsewhere:
        yield Paragraph("The training was done elsewhere. The command above scores the predictions again.")
        return
    config = run.record.config
    versions = run.record.manifest.get("versions") or {}
    if versions.get("fer-plugins"):
        names = ["fer-plugins", run.record.manifest["plugin"]["distribution"], "torch", "lightning"]
        pins = [f"{name}=={versions[name]}" for name in dict.fromkeys(names) if versions.get(name)]
        yield Paragraph(f"With the versions of the run ({', '.join(pins)}) and the folder {run.name}:")
    else:
        yield Paragraph(f"With the folder {run.name} (the versions are not recorded):")
    root = " --data.root PATH" if (config.get("data") or {}).get("root") else ""
    lines = [f"fer-run --config {shell_word(f'{run.name}/config.yaml')}{root}"]
    if not run.is_folds:
        lines += [f"fer results add {shell_word(run.name)} --to RECORDS", f"fer reproduce RECORDS/RECORD{root}"]
    yield Code("\n".join(lines))
    hashes = " + ".join(run.split_hash)
    yield Paragraph(
        f"It is the same experiment where the data have the fingerprint {facts['fingerprint']} and the split has the "
        f"hash {hashes}; fer reproduce compares the predictions image by image.",
        "note",
    )
