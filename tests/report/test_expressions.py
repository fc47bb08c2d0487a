"""Expressions in the names of a weight file."""

import pytest
import torch

from report.expressions import evaluated
from report.files import LIMIT

A, B, M = torch.randn(3, 2), torch.randn(4, 2), torch.randn(3, 3)
V = torch.randn(3)
HELD = {
    "a": A, "b": B, "m": M, "v": V, "rnn.weight": M, "rnn.weight_orig": M + 1, "mask": (M > 0).float(),
    "x/y-z 1": M * 2, "7": M - 1, "half": M.half(), "counts": torch.arange(3), "abs": M * 3, "starts": B,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value", "names"),
    [
        ("a", A, {"a"}),
        ("a.T", A.T, {"a"}),
        ("a @ b.T", A @ B.T, {"a", "b"}),
        ("a @ b.T / 4", A @ B.T / 4, {"a", "b"}),
        ("a@b.T/4.5e1", A @ B.T / 45, {"a", "b"}),
        ("abs(m) * mask", M.abs() * HELD["mask"], {"m", "mask"}),
        ("relu(-m)", (-M).relu(), {"m"}),
        ("rnn.weight", M, {"rnn.weight"}),
        ("rnn.weight.T", M.T, {"rnn.weight"}),
        ("rnn.weight_orig*mask", (M + 1) * HELD["mask"], {"rnn.weight_orig", "mask"}),
        ("x/y-z 1 - m", M, {"x/y-z 1", "m"}),
        ("m - m - m", -M, {"m"}),
        ("2 * m + m * 3", M * 5, {"m"}),
        ("m - (m - m)", M, {"m"}),
        ("(m + 7).T / 7", (2 * M - 1).T / 7, {"m", "7"}),
        ("-m.T", -M.T, {"m"}),
        ("m * v", M * V, {"m", "v"}),
        ("v.T", V, {"v"}),
        ("starts[1]", B[1], {"starts"}),
        ("starts.T[-1]", B.T[-1], {"starts"}),
        ("m[:, 1:]", M[:, 1:], {"m"}),
        ("m[-2:, :2].T", M[-2:, :2].T, {"m"}),
        ("m[0:2][1]", M[1], {"m"}),
        ("half", M.half().float(), {"half"}),
        ("counts", torch.arange(3).double(), {"counts"}),
        ("abs", M * 3, {"abs"}),
        ("abs(abs)", M.abs() * 3, {"abs"}),
        ("m @ counts", M.double() @ torch.arange(3.0).double(), {"m", "counts"}),
    ],
)
def test_an_expression_is_what_torch_makes_of_it(text, value, names):
    found, used = evaluated(text, HELD)
    torch.testing.assert_close(found, value)
    assert used == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c", "'c' in 'c' is not in the file.*a \\(3, 2\\)"),
        ("a b", "breaks off at 'b'"),
        ("a +", "missing at its end"),
        ("", "missing at its end"),
        ("3", "no expression in names"),
        ("(a", "a bracket is not closed"),
        ("abs(a", "a bracket is not closed"),
        ("a / b", "after / stands a number"),
        ("a / 0", "other than 0"),
        ("2 @ a", "stand matrices"),
        ("a @ m", "cannot be computed"),
        ("a + m", "cannot be computed"),
        ("starts[9]", "cannot be computed"),
        ("m[1,1,1]", "cannot be computed"),
        ("m[0:3:2]", "is no place"),
        ("m[]", "is not in the file"),
        ("m[ - ]", "is no place"),
        ("* a", "stands where a name"),
        ("__import__('os')", "is not in the file"),
        ("a.numpy()", "is not in the file"),
        ("m ** m", "stands where a name"),
        ("m if 1 else m", "is not in the file"),
        ("(" * 3000, "may have 2000"),
        ("exp(m)", "'exp' in"),
    ],
)
def test_all_else_is_refused_and_never_run(text, said):
    with pytest.raises(ValueError, match=said):
        evaluated(text, HELD)


def test_a_product_does_not_grow_beyond_the_allowed_memory(monkeypatch):
    monkeypatch.setenv(LIMIT, "0.0001")
    with pytest.raises(ValueError, match="0.008 GB.*0.0001 GB are allowed"):
        evaluated("column * row", {"column": torch.ones(1000, 1), "row": torch.ones(1, 1000)})
