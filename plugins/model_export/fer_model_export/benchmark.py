"""``fer benchmark RUN``: measure the cost of a run's network on this machine."""

from __future__ import annotations

import json
import os

import click

from fer_plugins.commands.usage import verb


class Counts(click.ParamType):  # type: ignore[type-arg]  # generic only in later releases of click
    """Positive integers separated by commas."""

    name = "N[,N]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers in ascending order, without duplicates."""
        if isinstance(value, tuple):
            return value
        texts = str(value).split(",")
        if not all(text.isdecimal() and 1 <= int(text) <= 4096 for text in texts):
            self.fail(f"{value}: expected whole numbers from 1 to 4096 with commas between, such as 1,8,32", param, ctx)
        return tuple(sorted(set(map(int, texts))))


@verb()
@click.argument("run", type=click.Path(), metavar="RUN|CHECKPOINT")
@click.option("--batch", type=Counts(), default=(1, 8, 32), help="Batch sizes; default: 1,8,32.")
@click.option("--threads", type=Counts(), help="CPU threads; default: 1 and all available.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def benchmark(run: str, *, batch: tuple[int, ...], threads: tuple[int, ...] | None, as_json: bool) -> None:
    """Measure latency, memory, size and multiply-adds of a run's network.

    Runs on the CPU, in the precision of the training. Latency is the median time of a forward pass, for each batch size
    and number of threads. Memory is the peak of a separate process during a pass, minus its use after loading the
    network. RUN may also be a folder written by fer export --format hub.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    from fer_model_export.network_cost import measure_cost, print_cost

    cost = measure_cost(run, batch, threads or tuple(sorted({1, available})))
    if as_json:
        print(json.dumps(cost, indent=2))
    else:
        print_cost(cost)
