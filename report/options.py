"""The options of the command that say how a weight file is to be read, and what they ask for; no heavy imports."""

import argparse

MATRICES = ("W_xh", "W_hh", "W_hy")
ACTIVATIONS = ("tanh", "relu", "sigmoid", "softplus", "identity")
EQUATIONS = ("rate", "inside", "potential", "potential-out", "bias-inside")
LIBRARIES = (
    "torch",
    "keras",
    "flax",
    "psychrnn",
    "nn-brain",
    "trainrnnbrain",
    "low-rank",
    "operative-dimensions",
    "names",
)
ARRAYS = (".npz", ".mat", ".h5", ".hdf5", ".json", ".safetensors", ".pt", ".pth")  # files of data
NEEDED = {".parquet": "pyarrow", ".xlsx": "openpyxl"}  # what pandas reads tables with
TABLES = (".csv", ".tsv", ".txt", *NEEDED)
FILES = f"""\
What is taken, told by a file's content and not by its ending:
  safetensors, and the state_dict that torch.save wrote, also within a checkpoint; weight norm, spectral
  norm and pruning are computed; Keras .keras, .h5, .weights.h5 and MATLAB -v7.3 (with h5py); Flax .msgpack
  (with msgpack); NumPy .npz; MATLAB .mat, also in structures and cells; JSON; ONNX with an RNN node.
Names known by themselves:
  W_xh, W_hh, W_hy (W_in, W_rec, W_out), b_h, b_y, h0; those of torch's nn.RNN and nn.RNNCell with one linear
  readout; of Keras's SimpleRNN, Flax's SimpleCell, PsychRNN (masks and Dale's law applied), trainRNNbrain,
  lowrank_inference, operative dimensions, nn-brain's CTRNN. Other names: --parameter, also with what is computed
  from several (products, sums, slices, abs). Where words beside the weights speak of another network (Dale's law,
  several layers, a readout that is not linear), it is asked about; --set-aside says that they change nothing.
Data, told by the ending:
  {" ".join(ARRAYS)} with the arrays
  inputs (T, B, N_x) and targets (T, B, N_y), (B, N_y) or, of one output or of classes, (T, B), and perhaps
  mask (T, B), true where targets are scored; targets that are NaN, and the class -100, are not scored either.
  {" ".join(TABLES)} with the columns trial, step, input..., target..., and perhaps mask; any of
  comma, semicolon, tab, bar or blank between them, decimal points or commas.
  {", ".join(f"{ending} is read with {library}" for ending, library in NEEDED.items())}, where that is installed.
Equations, a = dt / tau, phi the activation; the biases and h0 where there are such:
  rate           h <- (1 - a) h + a phi(W_hh h + W_xh x + b_h),    y = W_hy h + b_y
  inside         h <- phi((1 - a) h + a (W_hh h + W_xh x + b_h)),  y = W_hy h + b_y
  potential      v <- (1 - a) v + a (W_hh phi(v) + W_xh x + b_h),  y = W_hy phi(v) + b_y
  potential-out  the same,                                         y = W_hy v + b_y
  bias-inside    v <- (1 - a) v + a (W_hh phi(v + b_h) + W_xh x),  y = W_hy phi(v) + b_y
All else, such as a GRU or a model of several layers: the chapter "Bring your own network".
"""


def add_options(top: argparse.ArgumentParser) -> None:
    """Add the options that say which network a weight file holds."""
    option = top.add_argument
    # fmt: off
    option("--activation", metavar="NAME", choices=ACTIVATIONS,
           help=f"{', '.join(ACTIVATIONS)} (default: what the file or its library says, else tanh)")
    option("--leak", type=float, metavar="A", help="the leak a = dt / tau, in (0, 1]")
    option("--dt", type=float, metavar="DT", help="with --tau, instead of --leak: the time step")
    option("--tau", type=float, metavar="TAU", help="with --dt: the time constant")
    option("--equation", metavar="FORM", choices=EQUATIONS,
           help=f"where the leak and the bias stand, see below: {', '.join(EQUATIONS)} (default: as the library "
                "has it, else rate)")
    option("--from", dest="library", metavar="LIBRARY", choices=LIBRARIES,
           help=f"whose names and equation the file has (default: what the names show): {', '.join(LIBRARIES)}")
    option("--transposed", nargs="*", metavar="ROLE", choices=MATRICES,
           help="the file keeps its matrices for row vectors, h @ W: all three, or those that are named")
    option("--parameter", action="append", default=[], metavar="ROLE=NAME",
           help="where the names in the file are not known: W_xh=NAME, W_hh=NAME, W_hy=NAME, and b_h, b_y, h0 "
                "where there are such, once for each; NAME alone is W_hh. NAME may be an expression, such as "
                "'wi.T', 'm @ n.T / 64', 'abs(weight) * mask', 'bias_ih + bias_hh', 'starts[0]', "
                "'i2h.weight[:, 3:]'")
    option("--set-aside", nargs="+", action="extend", default=[], metavar="NAME",
           help="what is no part of the network (another head, a counter, a second network, a word that changes "
                "nothing): names, or patterns such as 'critic.*'; the page lists them")
    # fmt: on


def reading(given: argparse.Namespace) -> dict:
    """What the options ask of `report.weights.load_network`, by its keywords, without what was not asked.

    Raises:
        ValueError: the leak is given twice or by half.
    """
    leak = given.leak
    if given.dt is not None or given.tau is not None:
        if leak is not None or given.dt is None or given.tau is None or not given.tau > 0:
            raise ValueError("the leak is given as --leak A, or as --dt and --tau, a = dt / tau")
        leak = given.dt / given.tau
    transposed = None if given.transposed is None else tuple(given.transposed) or MATRICES
    asked = {"leak": leak, "equation": given.equation, "library": given.library, "transposed": transposed,
             "set_aside": tuple(given.set_aside)}  # fmt: skip
    return {name: value for name, value in asked.items() if value not in (None, ())}


def arguments(asked: dict) -> list[str]:
    """The options that ask for what `reading` gave."""
    said = []
    for name, value in asked.items():
        option = "--from" if name == "library" else "--" + name.replace("_", "-")
        said += [option, *(value if isinstance(value, tuple) else [f"{value:.12g}" if name == "leak" else value])]
    return said
