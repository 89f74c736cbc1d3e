"""``fer import-keras FILE``: convert a Keras file of the paper's network to a checkpoint for ``fer predict``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_plugins.commands.usage import Name, verb
from fer_plugins.config.requirement import install_command
from fer_plugins.runtime.errors import InputError, one_line

if TYPE_CHECKING:
    from fer_conv_relu_ann.keras_file import KerasNetwork

TOLERANCE = 1e-4  # of a probability: float32 sums in a different order


@verb()
@click.argument("file", type=click.Path(), metavar="FILE")
@click.option(
    "--classes", required=True, metavar="NAME,NAME,...", help="Order of the outputs, which no Keras file stores."
)
@click.option("--out", type=click.Path(), metavar="FILE.ckpt", help="Output checkpoint; default: beside FILE.")
@click.option("--first-padding", type=Name(("same", "valid")), help="Padding, for a file that holds only weights.")
@click.option(
    "--check", type=click.Path(), metavar="FILE.npz", help="Images and the probabilities that Keras computed for them."
)
def import_keras(file: str, *, classes: str, out: str | None, first_padding: str | None, check: str | None) -> None:
    """Convert a Keras file of the network of Njoku et al. to a checkpoint.

    FILE is a .h5 or .keras file of the architecture conv_relu_ann; "fer predict" loads the checkpoint. Training from
    folders sorts classes alphabetically, training from the csv by code; only the training code shows which was used.

    --check FILE.npz holds images (N, 48, 48), uint8 or from 0 to 1, and probabilities (N, classes). The checkpoint must
    reproduce them within 0.0001, or nothing is written; without this check, a wrong order of kernels goes unnoticed.
    The order of --classes cannot be checked.
    """
    try:
        import h5py  # noqa: F401
    except ModuleNotFoundError:
        raise InputError(f"import-keras: h5py is not installed; {install_command('h5py')}") from None
    from fer_conv_relu_ann.keras_file import read_keras

    source = Path(file)
    network = read_keras(source)
    target = Path(out) if out else source.with_suffix(".ckpt")
    if target.exists() or not target.absolute().parent.is_dir():
        fault = "exists already; remove it" if target.exists() else "its folder does not exist; make it"
        raise InputError(f"{target}: {fault}, or give another name with --out")
    names = _read_classes(classes, network.num_classes)
    if network.first_padding and first_padding and network.first_padding != first_padding:
        raise InputError(f"--first-padding: {source} says {network.first_padding} itself; leave the option out")
    padding = network.first_padding or first_padding
    if padding is None:
        raise InputError(
            f"{source}: holds weights alone, which fit both paddings of the first convolution; add --first-padding "
            "same (the paper's Table 2) or valid"
        )
    gap = write_checkpoint(network, names, padding, target, None if check is None else Path(check))
    if gap is None:
        print("not compared with Keras: --check FILE.npz proves that it gives the same probabilities")
    else:
        print(f"the same probabilities as Keras: the largest gap is {gap:.2g}")
    print(f"written: {target}; fer predict {target} PICTURE")


def _read_classes(given: str, count: int) -> list[str]:
    from fer_plugins.data.expressions import expression_of

    words = [word.strip() for word in given.split(",")]
    names = [expression_of(word) or word for word in words]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if len(names) != count or twice or not all(names):
        fault = f"{twice[0]} appears twice" if twice else f"{len(names)} names, the network has {count} outputs"
        raise InputError(f"--classes {given}: {fault}; name each output once, in the order of the training")
    return names


def write_checkpoint(
    network: KerasNetwork, classes: Sequence[str], padding: str, target: Path, check: Path | None
) -> float | None:
    """Write the checkpoint; return the largest difference from the probabilities of ``check``, None without ``check``.

    Args:
        network: network read from the Keras file.
        classes: K class names in the order of the outputs.
        padding: padding of the first convolution, "same" or "valid".
        target: output file.
        check: npz with ``images`` and ``probabilities``.

    Raises:
        InputError: the checkpoint does not reproduce the probabilities of ``check``, or ``check`` holds other arrays;
            nothing is written.
        RunError: the file cannot be written.
    """
    import lightning
    import torch

    from fer_conv_relu_ann.keras_file import convert
    from fer_plugins.config import resolve
    from fer_plugins.data.preprocessing import Preprocessing
    from fer_plugins.training.checkpoints import WholeFileIO
    from fer_plugins.training.module import FERModule

    options: dict[str, Any] = {"first_padding": padding}
    if network.dropout:
        options["dropout"] = list(network.dropout)
    flags = {"model": options, "data": {"name": "fer2013", "image_size": 48, "channels": 1}, "trainer": {"epochs": 1}}
    settings = resolve(flags, plugin="fer-conv_relu_ann:conv_relu_ann").config
    module = FERModule(settings, list(classes)).eval()
    state = {f"network.{name}": torch.from_numpy(array) for name, array in convert(network.layers).items()}
    module.load_state_dict({**module.state_dict(), **state})
    gap = None if check is None else compare(module, check, len(classes))
    content = {
        "state_dict": module.state_dict(),
        "hyper_parameters": dict(module.hparams),
        "pytorch-lightning_version": lightning.__version__,
        "preprocessing": Preprocessing.of_config(settings.data, classes).as_dict(),
    }
    WholeFileIO().save_checkpoint(content, target)
    return gap


def compare(module: Any, check: Path, size: int) -> float:
    """Return the largest difference between a network's probabilities and those of Keras for the same images.

    Raises:
        InputError: the difference is above 0.0001, or the file does not hold the two arrays.
    """
    import numpy as np
    import torch

    from fer_plugins.runtime.numpy_files import read_arrays

    form = f"images (N, 48, 48) and probabilities (N, {size})"
    try:
        arrays = read_arrays(check)
        images, wanted = arrays["images"], arrays["probabilities"].astype(np.float64)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"--check {check}: cannot be read ({one_line(error)}); save {form}") from None
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.shape[1:] != (48, 48) or wanted.shape != (len(images), size) or not len(images):
        raise InputError(f"--check {check}: has images {images.shape} and probabilities {wanted.shape}; save {form}")
    pixels = torch.from_numpy(images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1))
    with torch.no_grad():
        ours = torch.cat([module(batch[:, None]) for batch in pixels.split(64)]).softmax(1).double().numpy()
    gap = float(np.abs(ours - wanted).max())
    if not gap <= TOLERANCE:
        raise InputError(
            f"--check {check}: the probabilities differ by up to {gap:.4f}, so kernels, outputs or pixels are in "
            "another order or range than in Keras; give what model.predict said of these very images"
        )
    return gap
