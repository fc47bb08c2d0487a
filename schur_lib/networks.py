"""The recurrent network as three matrices, and its file.

h_t = tanh(W_xh x_t + W_hh h_{t-1} + b_h),   y_t = W_hy h_t + b_y   (paper, section 2: no biases, h_0 = 0)
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import safetensors.torch
import torch
from safetensors.torch import save_file
from torch import Tensor

REQUIRED = ("W_xh", "W_hh", "W_hy")
OPTIONAL = ("b_h", "b_y", "h0")
ACTIVATIONS = ("tanh", "relu")
FORMAT = "schur_lib network 2"


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
    metadata: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in REQUIRED + OPTIONAL:
            value = getattr(self, name)
            if value is None and name in OPTIONAL:
                continue
            if not isinstance(value, Tensor):
                raise ValueError(f"{name} must be a torch tensor, got {type(value).__name__}")
            if value.dtype not in (torch.float32, torch.float64):
                raise ValueError(f"{name} must be float32 or float64, got {value.dtype}")
            if not torch.isfinite(value).all():
                raise ValueError(f"{name} holds NaN or infinite values")
            if (value.dtype, value.device) != (self.W_xh.dtype, self.W_xh.device):
                raise ValueError(
                    f"all tensors must share one dtype and device: W_xh has {self.W_xh.dtype} on "
                    f"{self.W_xh.device}, {name} has {value.dtype} on {value.device}"
                )
        if self.W_hh.ndim != 2 or self.W_hh.shape[0] != self.W_hh.shape[1] or not len(self.W_hh):
            raise ValueError(f"W_hh must be (N_h, N_h), got {tuple(self.W_hh.shape)}")
        n_h, n_y = len(self.W_hh), len(self.W_hy)
        expected = {
            "W_xh": (n_h, "N_x"),
            "W_hy": ("N_y", n_h),
            "b_h": (n_h,),
            "b_y": (n_y,),
            "h0": (n_h,),
        }
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and (
                value.ndim != len(shape)
                or any(
                    isinstance(n, int) and n != m for n, m in zip(shape, value.shape, strict=True)
                )
            ):
                wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
                raise ValueError(f"{name} must be {wanted}, got {tuple(value.shape)}")
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
        """Copy the weights of a one-layer, one-directional `torch.nn.RNN` and its linear readout.

        torch adds two recurrent biases; their sum is b_h.

        Raises:
            ValueError: the RNN has several layers, two directions, or an unknown nonlinearity.
        """
        if not isinstance(rnn, torch.nn.RNN) or not isinstance(readout, torch.nn.Linear):
            raise ValueError(
                f"need torch.nn.RNN and torch.nn.Linear, got {type(rnn).__name__} and {type(readout).__name__}"
            )
        if rnn.num_layers != 1 or rnn.bidirectional:
            raise ValueError(
                f"need one layer in one direction, got {rnn.num_layers} layers, bidirectional={rnn.bidirectional}"
            )
        return cls(
            rnn.weight_ih_l0.detach().clone(),
            rnn.weight_hh_l0.detach().clone(),
            readout.weight.detach().clone(),
            b_h=(rnn.bias_ih_l0 + rnn.bias_hh_l0).detach() if rnn.bias else None,
            b_y=readout.bias.detach().clone() if readout.bias is not None else None,
            activation=rnn.nonlinearity,
        )

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name, without those that are None."""
        return {n: getattr(self, n) for n in REQUIRED + OPTIONAL if getattr(self, n) is not None}

    def double(self) -> "Network":
        """The same network in float64."""
        return replace(self, **{name: tensor.double() for name, tensor in self.tensors().items()})

    def digest(self) -> str:
        """Digest of all that decides what the network does: every tensor, and the activation."""
        return _checksum(self.tensors(), self.activation)[:16]

    def save(self, path) -> None:
        """Write a safetensors file with the metadata and a checksum; written aside, then renamed.

        Raises:
            ValueError: the metadata is not JSON.
        """
        path = Path(path)
        tensors = {n: t.detach().cpu().clone().contiguous() for n, t in self.tensors().items()}
        try:
            header = {
                "format": FORMAT,
                "activation": self.activation,
                "metadata": json.dumps(self.metadata, sort_keys=True, allow_nan=False),
            }
            header["sha256"] = _checksum(tensors, *header.values())
        except (TypeError, ValueError) as error:
            raise ValueError(f"metadata must be what JSON can hold: {error}") from error
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        try:
            save_file(tensors, aside, metadata=header)
            with open(aside, "rb+") as file:
                os.fsync(file.fileno())
            os.chmod(aside, 0o644)
            os.replace(aside, path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, path, device="cpu") -> "Network":
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
            tensors = {n: t.to(device) for n, t in safetensors.torch.load(content).items()}
        except safetensors.SafetensorError as error:
            raise ValueError(f"{path} is damaged or no safetensors file: {error}") from error
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        missing = [name for name in REQUIRED if name not in tensors]
        foreign = sorted(set(tensors) - set(REQUIRED + OPTIONAL))
        if missing or foreign:
            raise ValueError(
                f"{path} must hold {REQUIRED} and may hold {OPTIONAL}; missing {missing}, unknown {foreign}"
            )
        if header.get("format", "").startswith("schur_lib network"):
            told = [header.get(name, "") for name in ("format", "activation", "metadata")]
            if header["format"] != FORMAT:
                raise ValueError(f"{path} is of format {header['format']!r}; this reads {FORMAT!r}")
            if header.get("sha256") != _checksum(tensors, *told):
                raise ValueError(f"{path} is damaged: what it holds does not match its checksum")
        try:
            metadata = json.loads(header.get("metadata", "{}"))
            if not isinstance(metadata, dict):
                raise ValueError(f"its metadata must be a dictionary, got {metadata!r}")
            return cls(**tensors, activation=header.get("activation", "tanh"), metadata=metadata)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _checksum(tensors: dict[str, Tensor], *texts: str) -> str:
    digest = hashlib.sha256("\0".join(texts).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
