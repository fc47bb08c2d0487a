"""The README's section on speed, from the tables in data/benchmarks.

The benchmark writes it; `python -m benchmarks.readme` writes it again without measuring.
"""

from pathlib import Path

from benchmarks import judging

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN = "<!-- benchmark: written by run.py bench -->\n"
END = "<!-- end of the benchmark -->\n"


def section(targets, machine):
    """The section as Markdown: the summary, and every target with what was measured."""
    versions = machine["versions"]
    rows = [*judging.shown(targets[targets.kind == "target"]).itertuples(index=False)]
    peers = f"PyTorch {versions['torch']}"
    for name, key in (("JAX", "jax"), ("ONNX Runtime", "onnxruntime")):
        peers += f", {name} {versions[key]}" if versions.get(key) else ""
    lines = [
        f"In one run on {machine['processor']}, two of {machine['cores']} processors "
        f"({machine['measured']}; {peers}; our BLAS: {machine['blas']}), {judging.summary(targets)}:",
        "",
        "| Compared | Target | Median | Range | Verdict |",
        "|:--|--:|--:|--:|:--|",
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
        "The range is that of the rounds, or of repeats. Other machines, stricter comparisons, the causes of what "
        "was missed, where the time goes and how it grows are in the book's chapter *Speed*.",
    ]
    return "\n".join(lines) + "\n"


def replaced(text, new):
    """The README with the part between its two marks replaced."""
    before, mark, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError("README.md has lost the marks between which the benchmark writes")
    return before + BEGIN + "\n" + new + "\n" + END + after


def current():
    return section(judging.table("targets"), judging.machine())


def write():
    README.write_text(replaced(README.read_text(encoding="utf-8"), current()), encoding="utf-8")


if __name__ == "__main__":
    write()
