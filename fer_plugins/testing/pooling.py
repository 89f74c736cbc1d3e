"""The contract of ``fer_plugins.poolings``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fer_plugins.contract import PoolingFactory
from fer_plugins.runtime.errors import first_line
from fer_plugins.testing.findings import Failed, Findings, listed
from fer_plugins.testing.signature import check_signature

WINDOWS: tuple[tuple[int, int | None], ...] = ((2, 2), (2, None), (3, 2), (3, None))
SIZES = ((48, 48), (47, 47), (24, 24), (23, 31), (12, 9))


def check_pooling(factory: PoolingFactory) -> None:
    """Check a pooling factory: sizes, channels, constant inputs, dtype, and that it has no parameters or saved state.

    The output side is the floor or ceiling of side / stride. If the window is larger than the stride, it may be as
    small as without padding, floor((side - kernel_size) / stride) + 1.

    Args:
        factory: ``(kernel_size, stride=None, options) -> nn.Module``; pass a ``functools.partial`` to check a preset.

    Raises:
        ContractError: one or more rules are broken.
    """
    findings = Findings("pooling", factory)
    offered = ("kernel_size", "stride")
    check_signature(findings, factory, required=offered, offered=offered, defaults=True)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        findings.attempt(
            lambda: factory(kernel_size=2, stride=2), "builds by name", "factory(kernel_size=2, stride=2)", _NAMES
        )
        for kernel_size, stride in WINDOWS:
            call = f"({kernel_size})" if stride is None else f"({kernel_size}, {stride})"
            pool = findings.attempt(
                lambda k=kernel_size, s=stride: factory(k) if s is None else factory(k, s),  # type: ignore[misc]
                "builds",
                f"factory{call}",
                "take kernel_size and stride in this order; stride None means kernel_size",
            )
            if isinstance(pool, Failed):
                continue
            if not isinstance(pool, nn.Module):
                findings.add("is a module", f"factory{call} returns a {type(pool).__name__}", "return an nn.Module")
                continue
            _check_nothing_learnt(findings, pool)
            for size in SIZES:
                _check_size(findings, pool, kernel_size, stride or kernel_size, size)
            _check_values(findings, pool, call)
    findings.report()


_NAMES = "call the two parameters kernel_size and stride"


def _check_nothing_learnt(findings: Findings, pool: nn.Module) -> None:
    learnt = [name for name, _ in pool.named_parameters()]
    findings.require(
        not learnt, "no learnt parameters", f"it has {listed(learnt)}", "keep fixed kernels in non-persistent buffers"
    )
    saved = [name for name in pool.state_dict() if name not in learnt]
    findings.require(
        not saved,
        "empty state dict",
        f"it saves {listed(saved)}",
        "register buffers with persistent=False, so that checkpoints do not depend on the pooling",
    )


def _check_size(findings: Findings, pool: nn.Module, kernel: int, stride: int, size: tuple[int, int]) -> None:
    where = f"{size[0]}x{size[1]} with kernel_size {kernel} and stride {stride}"
    out = _forward(findings, pool, torch.rand(2, 3, *size), where)
    if out is None:
        return
    allowed = [(min(side // stride, (side - kernel) // stride + 1), -(-side // stride)) for side in size]
    observed = tuple(out.shape[2:])
    findings.require(
        out.ndim == 4
        and tuple(out.shape[:2]) == (2, 3)
        and all(least <= side <= most for side, (least, most) in zip(observed, allowed, strict=False)),
        "output size",
        f"(2, 3, {size[0]}, {size[1]}) becomes {tuple(out.shape)} with kernel_size {kernel} and stride {stride}; "
        f"allowed are (2, 3, {allowed[0][0]}..{allowed[0][1]}, {allowed[1][0]}..{allowed[1][1]})",
        "move by stride, keep batch and channels, and pad less than one window",
    )


def _check_values(findings: Findings, pool: nn.Module, call: str) -> None:
    for channels in (1, 3, 64):
        image = torch.rand(2, channels, 24, 24)
        clean = image.clone()
        out = _forward(findings, pool, image, f"{channels} channels, factory{call}")
        if out is None:
            continue
        findings.require(
            out.shape[1] == channels, "keeps channels", f"{channels} become {out.shape[1]}", "pool each channel alone"
        )
        findings.require(torch.equal(image, clean), "input unchanged", f"factory{call} wrote to it", "work on a copy")
        flipped = _forward(findings, pool, image.flip(1), f"{channels} channels, factory{call}")
        if flipped is not None and flipped.shape == out.shape:
            findings.require(
                torch.allclose(flipped.flip(1), out, atol=1e-5),
                "channels are independent",
                f"the order of {channels} channels changes what is pooled in them",
                "pool each channel alone and alike",
            )
    constant = _forward(findings, pool, torch.full((1, 2, 64, 48), 0.7), f"a constant image, factory{call}")
    if constant is not None and constant.ndim == 4:
        rows, columns = constant.shape[2:]
        middle = constant[:, :, rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
        findings.require(
            bool(torch.allclose(middle, torch.tensor(0.7), atol=1e-5)),
            "constant stays constant",
            f"0.7 becomes {middle.min():.5f} to {middle.max():.5f} in the middle, factory{call}",
            "make the weights of a window sum to 1",
        )
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        out = _forward(findings, pool.to(dtype), torch.rand(1, 2, 24, 24).to(dtype), f"{dtype}, factory{call}")
        if out is not None:
            findings.require(
                out.dtype == dtype, "keeps the dtype", f"{dtype} becomes {out.dtype}", "compute in x.dtype"
            )


def _forward(findings: Findings, pool: nn.Module, image: Tensor, where: str) -> Tensor | None:
    try:
        out = pool(image)
    except Exception as error:  # whatever the plug-in raises is the finding
        findings.add("runs", f"{where}: {first_line(error)}", "serve every size from one window on, and any channels")
        return None
    holds = isinstance(out, Tensor)
    findings.require(holds, "returns a tensor", f"{where}: {type(out).__name__}", "return the pooled maps alone")
    return out if holds else None
