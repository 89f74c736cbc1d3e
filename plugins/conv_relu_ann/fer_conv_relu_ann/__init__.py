"""The network of Njoku et al., their protocol, and a reader for their Keras files; imports no heavy library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_conv_relu_ann.network import ConvReLUANN as ConvReLUANN

__all__ = ["ConvReLUANN"]


def __getattr__(name: str) -> Any:
    if name == "ConvReLUANN":
        from fer_conv_relu_ann.network import ConvReLUANN

        return ConvReLUANN
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
