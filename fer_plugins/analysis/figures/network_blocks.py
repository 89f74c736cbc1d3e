"""A network as a graph of blocks, traced with ``torch.export``, with shapes and numbers of parameters."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from fer_plugins.runtime.errors import InputError, one_line
from fer_plugins.runtime.evaluating import evaluating

MOST = 24  # maximum number of blocks that fit on a page
# Operations that only move or convert values: not drawn as a block.
_MOVES = frozenset(
    "view reshape _unsafe_view flatten squeeze unsqueeze permute transpose t contiguous clone detach detach_ alias "
    "expand slice select getitem to _to_copy lift_fresh_copy _assert_tensor_metadata sym_size narrow split chunk "
    "unbind type_as".split()
)
_WORDS = {
    "cat": "concatenate",
    "mul": "multiply",
    "sub": "subtract",
    "div": "divide",
    "matmul": "matrix product",
    "relu": "ReLU",
}


@dataclass
class Block:
    """A module, or an operation outside of modules, together with small layers that only follow it."""

    name: str  # dotted name of the module; "" for an operation
    kind: str  # class of the first module, or name of the operation
    details: list[str]  # descriptions of the layers, in the order in which they run
    shape: tuple[int, ...] = ()  # of the output, without the batch dimension
    parameters: int = 0
    inputs: list[int] = field(default_factory=list)  # numbers of the blocks whose output it takes; -1: the image
    joins: bool = True  # False: a small layer (activation, normalisation), which may be merged into the block before


def trace_blocks(network: nn.Module, input_shape: Sequence[int], depth: int | None = None) -> list[Block]:
    """Return the blocks of a network in the order in which they run.

    Args:
        network: maps (1, C, H, W) in [0, 1] to logits; the modes of its modules are restored afterwards.
        input_shape: C, H, W.
        depth: number of components of a module's dotted name that distinguish blocks; None is the largest number with
            at most ``MOST`` blocks.

    Raises:
        InputError: torch.export cannot trace the network.
    """
    graph = _export(network, torch.full((1, *input_shape), 0.5))
    deepest = max((_owner(node).count(".") + 1 for node in graph.nodes), default=1)
    if depth is not None:
        return _merge_small(_group(network, graph, depth))
    groupings = [_merge_small(_group(network, graph, level)) for level in range(1, deepest + 1)]
    return next((blocks for blocks in reversed(groupings) if len(blocks) <= MOST), groupings[0])


def _export(network: nn.Module, image: Tensor) -> fx.Graph:
    loggers = logging.getLogger("torch.export"), logging.getLogger("torch._dynamo")
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with evaluating(network), warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.no_grad():
            warnings.simplefilter("ignore")  # about recurrent layers, whose weights torch keeps in an extra list
            graph: fx.Graph = torch.export.export(network, (image,)).graph
            return graph
    except Exception as error:  # torch raises various exceptions for code that it cannot trace
        text = one_line(error, 160)
        raise InputError(
            f"the network cannot be drawn: torch.export does not trace it ({text}); see --layers"
        ) from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _owner(node: fx.Node) -> str:
    """Return the dotted name of the innermost module that an operation belongs to."""
    stack: list[tuple[str, Any]] = list((node.meta.get("nn_module_stack") or {}).values())
    names = [name for name, _ in stack if not name.startswith("_empty")]  # added by PyTorch 2.8 for a hook
    return names[-1] if names else ""


def _operation(node: fx.Node) -> str:
    name = getattr(node.target, "__name__", str(node.target)).partition(".")[0]
    return _WORDS.get(name.rstrip("_"), name.rstrip("_"))


def _group(network: nn.Module, graph: fx.Graph, depth: int) -> list[Block]:
    """Join consecutive operations of one module, in the order of the graph, so that no arrow points backwards."""
    blocks: list[Block] = []
    keys: list[str] = []
    home: dict[fx.Node, int] = {}  # operation -> number of its block
    counted: set[str] = set()
    for node in graph.nodes:
        if node.op == "placeholder":
            if not str(node.name).startswith(("p_", "b_", "c_")):
                home[node] = -1
            continue
        if node.op != "call_function":
            continue
        sources = sorted({home[source] for source in node.all_input_nodes if source in home})
        path = _owner(node)
        key = ".".join(path.split(".")[:depth]) if path else ""
        move = not key and _operation(node) in _MOVES
        if not sources and not key:
            continue  # a constant
        if move and len(sources) == 1:
            home[node] = sources[0]
            continue
        if not (key and keys and keys[-1] == key):
            module = network.get_submodule(key) if key else None
            kind = type(module).__name__ if module is not None else _operation(node)
            blocks.append(Block(key, kind, [_describe(module) if module is not None else kind]))
            keys.append(key)
        number = len(blocks) - 1
        block = blocks[number]
        block.inputs = sorted({*block.inputs, *sources} - {number})
        block.shape = _shape(node) or block.shape
        home[node] = number
        if path and path not in counted:
            counted.add(path)
            own = network.get_submodule(path).parameters(recurse=False)
            block.parameters += sum(parameter.numel() for parameter in own)
    for block in blocks:
        block.joins = not _is_small(network, block)
    return blocks


def _shape(node: fx.Node) -> tuple[int, ...]:
    value = node.meta.get("val")
    if isinstance(value, list | tuple):
        value = next(iter(value), None)
    return tuple(int(side) for side in value.shape[1:]) if isinstance(value, Tensor) else ()


def _is_small(network: nn.Module, block: Block) -> bool:
    if not block.name:
        return len(block.inputs) == 1 and block.inputs[0] >= 0
    module = network.get_submodule(block.name)
    leaf = not any(True for _ in module.children())
    return leaf and ("Norm" in block.kind or (not block.parameters and "Pool" not in block.kind))


def _merge_small(blocks: Iterable[Block]) -> list[Block]:
    """Merge small layers (activations, normalisation, dropout) into the block before them if they have only that input.

    Operations that a module computes after its submodules, as in max-blur pooling, are merged as well, so that its name
    appears only once.
    """
    merged: list[Block] = []
    place: dict[int, int] = {-1: -1}
    blocks = list(blocks)
    uses = [source for block in blocks for source in block.inputs]
    for number, block in enumerate(blocks):
        inputs = sorted({place[source] for source in block.inputs})
        alone = len(inputs) == 1 and inputs[0] >= 0 and all(uses.count(source) == 1 for source in block.inputs)
        if alone and (not block.joins or (block.name and block.name == merged[inputs[0]].name)):
            before = merged[inputs[0]]
            before.details += block.details
            before.parameters += block.parameters
            before.shape = block.shape or before.shape
            place[number] = inputs[0]
            continue
        place[number] = len(merged)
        merged.append(Block(block.name, block.kind, list(block.details), block.shape, block.parameters, inputs))
    return merged


def _describe(module: nn.Module) -> str:
    """Return the class of a module, for a convolution or pooling with kernel size and stride."""
    kind = type(module).__name__.lstrip("_")
    window, step = _side(module, "kernel_size"), _side(module, "stride")
    return kind if not window else f"{kind} {window}x{window}" + (f", step {step}" if step > 1 else "")


def _side(module: nn.Module, name: str) -> int:
    value = getattr(module, name, 0)
    value = value[0] if isinstance(value, tuple) else value
    return value if isinstance(value, int) else 0
