"""DCNN-BiLSTM with dual attention (Jayaraman and Mahendran, Scientific Reports 15:26287, 2025).

HOG picture -> three convolutions -> bidirectional LSTM over the map -> dual attention with crossed keys ->
interactive fusion -> weights from global average pooling -> FC300 -> classes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_type_hints

import torch
from torch import Tensor, nn

from fer_dcnn_bilstm_dam.attention import Attended, DualAttention, legal_windows
from fer_dcnn_bilstm_dam.bilstm import BiLSTMMap
from fer_dcnn_bilstm_dam.dcnn import DCNN, map_side
from fer_dcnn_bilstm_dam.distillation import Distillation
from fer_dcnn_bilstm_dam.fusion import InteractiveFusion
from fer_dcnn_bilstm_dam.hog import CELL, HOGInput, gradients
from fer_dcnn_bilstm_dam.landmarks import landmark_map
from fer_dcnn_bilstm_dam.options import IDLE_OPTIONS, check_options, remedy
from fer_dcnn_bilstm_dam.pcp import PCP, PCP01
from fer_dcnn_bilstm_dam.slow_linear import SlowLinear
from fer_plugins.contract import ImageSizeError, PoolingFactory
from fer_plugins.pooling import max_pool

__all__ = ["IDLE_OPTIONS", "DCNNBiLSTMDAM"]

FC_UNITS = 300  # Table 2


class _Seen(NamedTuple):
    """Intermediate results of a forward pass, with the logits (B, K)."""

    logits: Tensor
    attended: list[Attended]
    gap: Tensor | None  # weights (B, 128) in (0, 1)


class DCNNBiLSTMDAM(nn.Module):
    """DCNN-BiLSTM-DAM: images (B, 1 or 3, S, S) in [0, 1] -> logits (B, num_classes).

    10,816,679 parameters and 363.9 million multiply-adds per image with the defaults. Equation and table numbers are
    the paper's; ``paper.yaml`` lists what the paper leaves open, with reasons.

    Args:
        num_classes: number of classes K.
        in_channels: 1 or 3. Colour is converted to grey (BT.601 luma), except with ``hog_mode=none``, which uses the
            three channels.
        image_size: image side S in pixels; 48 is the smallest that works with the defaults.
        pool: pooling for S1 and S2, called as ``pool(2, 2)``; max pooling in the paper.
        teacher: trained network with the same input and classes for distillation, or None.
        hog_mode: input of the network: image (HOG line drawing), grad_stack (grey and its two gradients), cells_up (9
            histogram channels), descriptor (grey, with the HOG vector concatenated before FC300), none (no HOG).
        hog_angle: unsigned (0 to 180 degrees, Eq. 5) or paper_abs (Eq. 4 as printed: 0 to 90, half of the bins empty).
        hog_draw_from: draw the block-normalised histograms (Eq. 7), or the raw ones as scikit-image does.
        dcnn_padding: same preserves the size in C1 to C3; with valid each shortens a side by 4 pixels.
        dcnn_order: order of convolutions (c) and pooling layers (s).
        dcnn_separable: depthwise and pointwise convolutions instead of full 5x5 convolutions.
        batch_norm: batch normalisation after each convolution.
        bilstm_sequence: raster (all positions as one sequence), rows (one sequence per row) or none (no BiLSTM).
        bilstm_merge: how the two directions are merged: sum (Eq. 12), mean, or concat with a 1x1 convolution.
        attn_layers: number of dual attention layers; 0 removes attention and fusion.
        attn_windows: windows per side in spatial attention (Eq. 13); must divide the side of the map.
        attn_channel_groups: number of groups in channel attention (Eq. 15).
        attn_reduction: channel reduction factor of keys and values (Eqs. 17 and 18).
        attn_share_kv: use the same reduction for keys and values, instead of one each.
        attn_cross: exchange the keys of the two attentions from the second layer on (Eq. 16).
        attn_distill: reduce keys and values (Eqs. 17 and 18); false: no reduction.
        landmark_weighting: standard deviation, as a fraction of the side, of Gaussians around eyes, nose and mouth that
            weight keys and values before their reduction (Algorithm 3, step 1); null: off. The points are FER-2013's
            medians; a crop with data.face_align=eyes has its eyes there.
        act: activation: pcp, or as an ablation relu (and sigmoid for the gates).
        pcp_knots: inner knot, outer knot and saturation level of the piecewise cubic; (0.3, 2.7, 1) is closer to tanh.
        pcp_leak: slope added to the piecewise cubic, so that its gradient is not zero beyond the outer knot.
        head: map (weighted map, flattened) or gap_vector (global average pooling only: 1,024,679 parameters).
        gap_weights: weight the channels of the map by their global averages before it is flattened.
        dropout: dropout probability before FC300, from 0 to below 1.
        fc_step: factor on the learning rate of FC300 under Adam, above 0; null: 1 / side of the map (1/16), and 1 with
            head=gap_vector. With 1 and head=map, most of FC300 saturates within ten steps and learning stops.
        kd_alpha: weight of the distillation term in the loss if there is a teacher; 1 ignores the labels.
        kd_temperature: softmax temperature of both outputs in the distillation term, above 0.

    Attributes:
        criterion_weight: weight of the criterion in the loss: 1 - kd_alpha with a teacher, else 1.

    Raises:
        ValueError: an option is out of range, does not fit the image size, or has no effect with the others.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 64,
        pool: PoolingFactory = max_pool,
        teacher: nn.Module | None = None,
        hog_mode: Literal["image", "grad_stack", "cells_up", "descriptor", "none"] = "image",
        hog_angle: Literal["unsigned", "paper_abs"] = "unsigned",
        hog_draw_from: Literal["normalised", "raw"] = "normalised",
        dcnn_padding: Literal["same", "valid"] = "same",
        dcnn_order: Literal["c1s1c2s2c3", "c1c2s1c3s2", "c1c2c3s1s2"] = "c1s1c2s2c3",
        dcnn_separable: bool = False,
        batch_norm: bool = True,
        bilstm_sequence: Literal["raster", "rows", "none"] = "raster",
        bilstm_merge: Literal["sum", "mean", "concat"] = "sum",
        attn_layers: int = 2,
        attn_windows: int = 4,
        attn_channel_groups: int = 8,
        attn_reduction: int = 4,
        attn_share_kv: bool = True,
        attn_cross: bool = True,
        attn_distill: bool = True,
        landmark_weighting: float | None = None,
        act: Literal["pcp", "relu"] = "pcp",
        pcp_knots: tuple[float, float, float] = (0.5, 2.5, 1.0),
        pcp_leak: float = 0.0,
        head: Literal["map", "gap_vector"] = "map",
        gap_weights: bool = True,
        dropout: float = 0.5,
        fc_step: float | None = None,
        kd_alpha: float = 0.7,
        kd_temperature: float = 4.0,
    ) -> None:
        given = dict(locals())
        hints = get_type_hints(DCNNBiLSTMDAM.__init__)
        options = {name: given[name] for name in hints if name in given}
        check_options(options, hints)
        super().__init__()
        self.hog = HOGInput(in_channels, hog_mode, hog_angle, hog_draw_from)
        step = CELL if self.hog.has_cells else 1
        if image_size % step or image_size < 2 * step or map_side(image_size, dcnn_padding, dcnn_order)[0] < 1:
            cells = f" (hog_mode={hog_mode} needs a multiple of {CELL})" if self.hog.has_cells else ""
            raise ImageSizeError(f"image_size={image_size} does not suit the layers{cells}: {remedy(options, 0, step)}")

        def activation() -> nn.Module:
            return PCP(pcp_knots, pcp_leak) if act == "pcp" else nn.ReLU()

        def gate() -> nn.Module:
            return PCP01(pcp_knots) if act == "pcp" else nn.Sigmoid()

        self.dcnn = DCNN(self.hog.out_channels, pool, activation, dcnn_padding, dcnn_order, dcnn_separable, batch_norm)
        channels = self.dcnn.out_channels
        side = self._infer_side(image_size)
        if attn_layers and attn_windows not in legal_windows(side, attn_distill):
            raise ImageSizeError(
                f"attn_windows={attn_windows} does not suit the {side}x{side} map of image_size={image_size} "
                f"(equal windows of more than one key): {remedy(options, side, step)}"
            )
        self.bilstm = None if bilstm_sequence == "none" else BiLSTMMap(channels, bilstm_sequence, bilstm_merge)
        self.attention = nn.ModuleList(
            DualAttention(
                channels,
                attn_windows,
                attn_channel_groups,
                attn_reduction,
                share_kv=attn_share_kv,
                cross=attn_cross and number > 0,
                distil=attn_distill,
                landmarks=None if landmark_weighting is None else landmark_map(side, landmark_weighting),
            )
            for number in range(attn_layers)
        )
        self.fusion = InteractiveFusion(channels, gate) if attn_layers else None
        self.gap_gate = gate() if head == "map" and gap_weights else None
        self.head = head
        features = channels * (side**2 if head == "map" else 1) + self.hog.descriptor_size(image_size)
        if fc_step is None:
            fc_step = 1 / side if head == "map" else 1.0
        self.hidden = nn.Sequential(nn.Dropout(dropout), SlowLinear(features, FC_UNITS, fc_step), activation())
        self.classifier = nn.Linear(FC_UNITS, num_classes)
        self.distillation = Distillation(teacher, kd_alpha, kd_temperature)
        self.criterion_weight = 1.0 if teacher is None else 1.0 - kd_alpha

    def _infer_side(self, image_size: int) -> int:
        self.dcnn.eval()
        with torch.no_grad():
            side = self.dcnn(torch.zeros(1, self.hog.out_channels, image_size, image_size)).shape[-1]
        self.dcnn.train()
        return int(side)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (B, K) for images (B, C, S, S) in [0, 1]; no gradient flows through HOG to the image."""
        logits = self._run(x).logits
        if self.training:
            self.distillation.observe(x, logits)
        return logits

    def _run(self, x: Tensor) -> _Seen:
        picture, vector = self.hog(x)
        y = self.dcnn(picture).permute(0, 2, 3, 1)  # from here on maps are (B, H, W, C)
        if self.bilstm is not None:
            y = self.bilstm(y)
        attended: list[Attended] = []
        if self.fusion is not None:
            spatial = channel = y
            for layer in self.attention:
                attended.append(layer(spatial, channel))
                spatial, channel = attended[-1].spatial, attended[-1].channel
            y = self.fusion(spatial, channel)
        gap = None
        if self.head == "gap_vector":
            flat = y.mean(dim=(1, 2))
        else:
            if self.gap_gate is not None:
                gap = self.gap_gate(y.mean(dim=(1, 2)))
                y = y * gap[:, None, None, :]
            flat = y.flatten(1)
        if vector is not None:
            flat = torch.cat([flat, vector], dim=1)
        return _Seen(self.classifier(self.hidden(flat)), attended, gap)

    def auxiliary_loss(self) -> Tensor:
        """Return the distillation term of the last training batch (Algorithm 3); zero without a teacher."""
        if self.distillation.teacher is None:
            return self.classifier.bias.new_zeros(())
        return self.distillation.loss()

    @torch.no_grad()
    def explain(self, x: Tensor) -> dict[str, Tensor]:
        """Return the input and the attention weights for images (B, C, S, S); the training mode is left unchanged.

        Returns:
            ``grey`` (B, 1, S, S); ``gradient``, its magnitude, unless ``hog_mode=none``; ``hog``, the drawing (B, 1, S,
            S) in [0, 1] of the histograms, if they are used; for each attention layer n, ``spatial_weights_n`` (B,
            windows, queries, keys) and ``channel_weights_n`` (B, groups, channels, channels), whose rows sum to 1;
            ``landmark_weights`` (B, 1, H, W) in (0, 1] of the positions of the map and ``gap_weights`` (B, 128) in [0,
            1], if they are used.
        """
        grey = self.hog.grey(x)
        pictures = {"grey": grey}
        if self.hog.mode != "none":
            pictures["gradient"] = torch.hypot(*gradients(grey))
        if self.hog.has_cells:
            pictures["hog"] = self.hog.draw(self.hog.histograms(x))
        was_training = self.training
        self.eval()
        try:
            seen = self._run(x)
        finally:
            self.train(was_training)
        for number, layer in enumerate(seen.attended, start=1):
            pictures[f"spatial_weights_{number}"] = layer.spatial_weights
            pictures[f"channel_weights_{number}"] = layer.channel_weights
        if self.attention and self.attention[0].landmarks is not None:
            pictures["landmark_weights"] = self.attention[0].landmarks[None, None, ..., 0].expand(len(x), -1, -1, -1)
        if seen.gap is not None:
            pictures["gap_weights"] = seen.gap
        return pictures
