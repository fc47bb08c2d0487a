"""What the chapter on speed says follows from its tables."""

import pandas as pd
import pytest

from benchmarks import answers, judging

MACHINE = {"processor": "Z80", "cores": 3, "memory_gib": 1, "system": "CP/M", "measured": "1976-07-01",
           "blas": "b", "load_before": 0.2, "versions": {"torch": "0", "jax": None}}  # fmt: skip
TARGETS = pd.DataFrame(
    [
        judging.target("train_rate", "target", "Training", "at least", 0.75, [0.8]),
        judging.target("memory", "target", "Memory", "at most", 500.0, [620.0]),
    ]
)
MET, NO_CAUSES = TARGETS[:1], pd.DataFrame(columns=["what", "verdict", "why"])
MISSED = pd.DataFrame([("Memory", "missed by 24 %", "It took 620.")], columns=NO_CAUSES.columns)
RATES = pd.DataFrame(
    [
        ("matrix product", "bare", 1, 80.0),
        ("matrix product", "bare", 2, 150.0),
        ("matrix product", "one after the other", 1, 120.0),
        ("training step", "ours", 1, 60.0),
        ("training step", "ours", 2, 114.0),
        ("complete step", "ours", 1, 54.0),
        ("rollouts", "ours", 1, 90.0),
    ],
    columns=["work", "by", "cores", "gflops"],
)
GROWTH = pd.DataFrame(
    [
        (varied, what, value, value ** (power[varied]), 100.0 - (value - 4) ** 2)
        for power in ({"hidden_size": 1.8, "length": 1.2},)
        for varied in power
        for what in ("training step", "rollouts")
        for value in (1, 2, 4, 8)
    ],
    columns=["varied", "what", "value", "seconds", "gflops"],
)
COST = pd.DataFrame(
    [
        ("copy", "dense_orthogonal", 72, 3600, 1.0),
        ("copy", "cayley", 72, 7200, 1.0),
        ("flip_flop", "dense_orthogonal", 64, 360, 1.0),
    ],
    columns=["task", "construction", "hidden_size", "steps", "seconds"],
)
ESTIMATE = judging.estimate(COST, 0.5, 1000, 10, 0.05)


def test_the_run_is_said_with_its_machine_and_load():
    said = answers.run(TARGETS, MACHINE)
    assert said.startswith("In one run 1 of 2 targets are met, 1 missed. **The machine**: Z80, 3 proc")
    assert "1 GiB, CP/M, on 1976-07-01; torch 0. Our products run in b," in said
    assert said.endswith("was 0.20, so it had little else to do.")
    assert "was 0.60, so other work ran beside it" in answers.run(MET, MACHINE | {"load_before": 0.6})


def test_whether_there_is_a_shortfall_to_explain():
    assert answers.shortfall(NO_CAUSES).startswith("None is missed")
    assert answers.shortfall(MISSED) == "The next table says why the others are not met."


def test_the_rates_are_beside_that_of_products_in_turn():
    assert answers.rates(RATES).values.tolist() == [
        ["bare product", "80", "150", "67"],
        ["products one after the other", "120", "–", "100"],
        ["training step", "60", "114", "50"],
        ["complete step", "54", "–", "45"],
        ["rollouts", "90", "–", "75"],
    ]


PARTS = pd.DataFrame(
    {"part": ["products: a", "products: b", "tanh", "sampling", "complete step"],
     "seconds": [3e-4, 5e-4, 1e-4, 1e-4, 1e-3], "share": [0.3, 0.5, 0.1, 0.1, 1.0]}
)  # fmt: skip


def test_where_the_time_goes_and_what_could_still_be_gained():
    assert answers.parts(PARTS).values.tolist()[1] == ["products: b", "500", "50"]
    said = answers.limit(PARTS)
    assert said.startswith("80 % of a complete step are the three products, tanh is 10 % and sampling 10 %:")
    assert said.endswith("a step would be 1.25 times as fast.")


def test_what_was_tried_is_shown_with_its_processor():
    tried = pd.DataFrame({"tried": ["a"], "on": ["Z80"], "work": ["b"], "without": [100.0], "with": [91.26]})
    assert answers.tried(tried).values.tolist() == [["a", "Z80", "b", "100", "91.3"]]


def test_the_exponents_are_shown_with_the_highest_rate():
    row = answers.exponents(GROWTH).iloc[0].tolist()
    assert row == ["hidden size", "training step", "2–8", "1.80", "100", 4]


def test_where_time_grows_faster_than_operations():
    said = answers.growth(GROWTH)
    assert "with length (training step: 1.20 instead of 1), length (rollouts: 1.20 instead of 1)." in said
    assert "with 1 units reaches 91 GFLOP/s, with 8 units 84." in said
    said = answers.growth(GROWTH[GROWTH.varied == "hidden_size"])
    assert "No exponent is more than 0.1 above that of the number of operations." in said


def test_the_worst_schur_form_and_the_memory_of_the_longest_runs():
    schur = pd.DataFrame({"matrix": ["a", "b_c"], "N": [72, 256], "ratio": [1.2, 1.5]})
    memory = pd.DataFrame({"matrices": [1, 1000, 10000], "megabytes": [1.0, 20.0, 21.0]})
    said = answers.schur_form_and_memory(schur, memory)
    assert "a factor of 1.50, for matrices of the kind *b c* with N = 256." in said
    assert said.endswith("1,000 matrices add 20 MB and 10,000 add 21 MB.")


def test_the_estimate_as_a_table_and_as_a_sentence():
    assert answers.estimate(ESTIMATE).iloc[2].tolist() == [
        "flip-flop", "dense orthogonal", 64, "360", "200", "20.0", "10.00"
    ]  # fmt: skip
    said = answers.costs(ESTIMATE, 0.5, 1000, 10, 0.05, "Z80")
    assert said.startswith("1,000 networks of a kind on 10 cores would take 200 hours and 100.00 US")
    assert "dollars (copy, dense orthogonal, 72 units), 400 hours" in said
    assert "and 20.0 hours and 10.00 US dollars (flip-flop, 64 units). This assumes a price of 0.05" in said
    assert "each core (measured: Z80) keeps 50 % of its rate" in said


@pytest.mark.parametrize(
    ("targets", "causes", "said"),
    [
        (MET, NO_CAUSES, "On two cores all 1 targets are met. A training"),
        (
            TARGETS,
            MISSED,
            "1 of 2 targets are met, 1 missed: memory (missed by 24 %). A training step",
        ),
        (
            MET,
            NO_CAUSES,
            "runs at 50 % of the rate of products that wait for one another and rollouts at 75 %, on one",
        ),
        (
            MET,
            NO_CAUSES,
            "A copy network of 72 units takes 3600 s of processor time; 1,000 of them would",
        ),
        (
            MET,
            NO_CAUSES,
            "take 200 hours on 10 cores, and cost 100.00 US dollars at 0.05 a core-hour.",
        ),
    ],
)
def test_the_answer(targets, causes, said):
    assert said in answers.answer(targets, causes, RATES, ESTIMATE, 1000, 10, 0.05)
