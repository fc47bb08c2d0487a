"""The recurrent network as three matrices, and its file.

h_t = tanh(W_xh x_t + W_hh h_{t-1} + b_h),   y_t = W_hy h_t + b_y   (paper, section 2: no biases, h_0 = 0)
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

REQUIRED = ("W_xh", "W_hh", "W_hy")
OPTIONAL = ("b_h", "b_y", "h0")
SHAPES = {"W_hh": ("N_h", "N_h"), "W_xh": ("N_h", "N_x"), "W_hy": ("N_y", "N_h"),
          "b_h": ("N_h",), "b_y": ("N_y",), "h0": ("N_h",)}  # fmt: skip
ACTIVATIONS = ("tanh", "relu")
FORMAT, FIRST = "schur_lib network 2", "schur_lib network 1"  # of the first, the checksum is of the tensors alone


@dataclass(frozen=True, eq=False)
class Network:
    """A one-layer recurrent network with a linear readout.

    Args:
        W_xh: (N_h, N_x) float32 or float64, input weights.
        W_hh: (N_h, N_h), recurrent weights.
        W_hy: (N_y, N_h), readout weights.
        b_h: (N_h,), bias of the recurrent layer; None for none.
        b_y: (N_y,), bias of the readout; None for none.
        h0: (N_h,), initial state; None for zero.
        activation: "tanh" or "relu".
        metadata: anything JSON can hold, such as the spec and the provenance; kept in the file.
    Raises:
        ValueError: a shape, dtype, device or value does not fit; the message names the tensor.
    """

    W_xh: Tensor
    W_hh: Tensor
    W_hy: Tensor
    b_h: Tensor | None = None
    b_y: Tensor | None = None
    h0: Tensor | None = None
    activation: str = "tanh"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}  # as the first tensor with such an axis has it
        for name, axes in SHAPES.items():
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            if not isinstance(value, Tensor):
                raise ValueError(f"{name} must be a torch tensor, got {type(value).__name__}")
            if value.dtype not in (torch.float32, torch.float64):
                raise ValueError(f"{name} must be float32 or float64, got {value.dtype}")
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} holds NaN or infinite values")
            if (value.dtype, value.device) != (self.W_hh.dtype, self.W_hh.device):
                first, this = (f"{t.dtype} on {t.device}" for t in (self.W_hh, value))
                raise ValueError(f"all tensors must share one dtype and device: W_hh has {first}, {name} {this}")
            fits = [sizes.setdefault(axis, n) == n for axis, n in zip(axes, value.shape, strict=False)]
            if value.ndim != len(axes) or not all(fits) or not sizes["N_h"]:
                known = ", ".join(f"{axis} = {n}" for axis, n in sizes.items())
                raise ValueError(f"{name} must be ({', '.join(axes)}), here {known}; got {tuple(value.shape)}")
        if not isinstance(self.metadata, dict):
            raise ValueError(f"metadata must be a dictionary, got {self.metadata!r}")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {ACTIVATIONS}, got {self.activation!r}")

    @property
    def hidden_size(self) -> int:
        return len(self.W_hh)

    @property
    def n_inputs(self) -> int:
        return self.W_xh.shape[1]

    @property
    def n_outputs(self) -> int:
        return len(self.W_hy)

    @classmethod
    def from_torch(cls, rnn: torch.nn.RNN, readout: torch.nn.Linear) -> "Network":
        """Copy a one-layer, one-directional `torch.nn.RNN` and its readout; b_h is the sum of torch's two."""
        if not isinstance(rnn, torch.nn.RNN) or not isinstance(readout, torch.nn.Linear):
            got = f"{type(rnn).__name__} and {type(readout).__name__}"
            raise ValueError(f"need torch.nn.RNN and torch.nn.Linear, got {got}")
        if rnn.num_layers != 1 or rnn.bidirectional:
            raise ValueError(f"need one layer in one direction, got {rnn}: {rnn.num_layers} layers")
        own = {name: tensor.detach().clone() for name, tensor in rnn.named_parameters()}
        b_h = own["bias_ih_l0"] + own["bias_hh_l0"] if rnn.bias else None
        b_y = None if readout.bias is None else readout.bias.detach().clone()
        W_hy = readout.weight.detach().clone()
        return cls(own["weight_ih_l0"], own["weight_hh_l0"], W_hy, b_h, b_y, activation=rnn.nonlinearity)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name, without those that are None."""
        return {n: getattr(self, n) for n in REQUIRED + OPTIONAL if getattr(self, n) is not None}

    def double(self) -> "Network":
        """The same network in float64."""
        tensors: dict[str, Any] = {name: tensor.double() for name, tensor in self.tensors().items()}
        return replace(self, **tensors)

    def digest(self) -> str:
        """Digest of all that decides what the network does: every tensor, and the activation."""
        return _checksum(self.tensors(), self.activation)[:16]

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the metadata, which must be JSON, and a checksum: aside, then renamed."""
        path = Path(path)
        tensors = {n: t.detach().cpu().clone().contiguous() for n, t in self.tensors().items()}
        try:
            metadata = json.dumps(self.metadata, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"metadata must be what JSON can hold: {error}") from error
        header = {"format": FORMAT, "activation": self.activation, "metadata": metadata}
        header["sha256"] = _checksum(tensors, *header.values())
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            with open(aside := Path(folder, path.name), "wb") as file:
                file.write(safetensors.torch.save(tensors, header))
                os.fsync(file.fileno())
            os.replace(aside, path)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> "Network":
        """Read a file that `save` wrote, or any safetensors file with the same tensor names.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is cut short, is no safetensors file, lacks a tensor, or its weights
                and metadata do not match its checksum.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no network file {path}")
        # at once: another process may put a new file in its place
        content = Path(path).read_bytes()
        try:
            tensors = safetensors.torch.load(content)
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
        if not set(REQUIRED) <= set(tensors) <= set(REQUIRED + OPTIONAL):
            raise ValueError(f"{path} must hold {REQUIRED} and may hold {OPTIONAL}; it holds {sorted(tensors)}")
        told = [header.get(name, "") for name in ("format", "activation", "metadata")]
        if told[0].startswith("schur_lib network") or "sha256" in header:
            if told[0] not in (FORMAT, FIRST):
                raise ValueError(f"{path} is of format {told[0]!r}; this reads {FORMAT!r} and {FIRST!r}")
            if header.get("sha256") != _checksum(tensors, *(told if told[0] == FORMAT else ())):
                raise ValueError(f"{path} is damaged: what it holds does not match its checksum")
        try:
            metadata = json.loads(header.get("metadata", "{}"), parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged: its metadata are no JSON: {error}") from error
        try:
            tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
            return cls(**tensors, activation=header.get("activation", "tanh"), metadata=metadata)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number there")


def _checksum(tensors: dict[str, Tensor], *texts: str) -> str:
    digest = hashlib.sha256("\0".join(texts).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().cpu().numpy().tobytes())
    return digest.hexdigest()
