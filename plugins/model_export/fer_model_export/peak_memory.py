"""Peak memory of a network, measured in a fresh process, so that earlier allocations do not count (Linux)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_plugins.runtime.errors import RunError

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def measure_memory(run: str | Path, batches: Sequence[int]) -> dict[str, Any] | None:
    """Return the peak resident memory during a pass of each batch; None if the system does not report it.

    Returns:
        ``megabytes``: batch -> peak minus the memory of the process with the network loaded, in MB of 10^6 bytes;
        ``process_megabytes``: of the whole process, at the largest batch.

    Raises:
        RunError: the process ended without a result.
    """
    if not os.access(_RESET, os.W_OK):
        return None
    command = [sys.executable, "-m", "fer_model_export.peak_memory", str(run), ",".join(map(str, batches))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise RunError(f"the process that measures memory failed: {last[:200]}; give smaller --batch")
    measured: dict[str, Any] | None = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


def _measure(run: str, batches: Sequence[int]) -> dict[str, Any] | None:
    import torch
    from fer_face_prediction.checkpoint_file import find_checkpoint, load_checkpoint

    module, preprocessing = load_checkpoint(find_checkpoint(run).file)
    torch.set_num_threads(1)
    dtype = next((parameter.dtype for parameter in module.parameters()), torch.float32)
    side, peaks = preprocessing.image_size, {}
    loaded = _kilobytes("VmRSS")
    for batch in batches:
        images = torch.full((batch, preprocessing.channels, side, side), 0.5, dtype=dtype)
        try:
            _RESET.write_text("5")  # resets the peak to current use
        except OSError:
            return None
        with torch.inference_mode():
            module(images)
        peaks[str(batch)] = _kilobytes("VmHWM")
    # For very small networks the peak may be below that of loading.
    extra = {batch: max(0, peak - loaded) * 1.024e-3 for batch, peak in peaks.items()}
    return {"megabytes": extra, "process_megabytes": max(peaks.values()) * 1.024e-3}


def _kilobytes(name: str) -> int:
    lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(lines[name].split()[0])


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], [int(text) for text in sys.argv[2].split(",")])))
