"""The benchmark's verdicts, causes and estimates follow from its tables; nothing here is timed."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from benchmarks import figures as plots
from benchmarks import readme, speed, training_cost
from benchmarks import schur_form as schur_benchmark
from benchmarks.__main__ import options
from benchmarks.judging import (
    TABLES,
    causes,
    efficiency,
    estimate,
    exponent,
    exponents,
    machine,
    machines,
    put,
    shown,
    side_by_side,
    summary,
    table,
    target,
    text,
    verdict,
)
from study import catalogue


@pytest.mark.parametrize(
    ("measured", "bound", "goal", "said"),
    [
        (5.0, "at least", 5.0, "met"),
        (4.04, "at least", 5.0, "missed by 19 %"),
        (3.5, "at most", 3.0, "missed by 17 %"),
        (3.0, "at most", 3.0, "met"),
        (0.735, "at least", 0.75, "missed by 2.0 %"),
        (1.7999, "at least", 1.8, "just missed"),
        (math.nan, "at least", 4.0, "not measured"),
    ],
)
def test_a_verdict_follows_from_the_numbers(measured, bound, goal, said):
    assert verdict(measured, bound, goal) == said


def test_an_unknown_bound_is_refused():
    with pytest.raises(ValueError, match="got 'below'"):
        verdict(1.0, "below", 2.0)


def test_a_target_is_judged_by_the_median_of_its_rounds():
    row = target("x", "target", "X", "at least", 2.0, [1.0, 2.5, 9.0])
    assert (row["measured"], row["lowest"], row["highest"]) == (2.5, 1.0, 9.0)
    assert row["verdict"] == "met"
    assert target("x", "target", "X", "at least", 3.0, [1.0, 2.5, 9.0])["verdict"] != "met"


def made_up(**measured):
    """Small tables in which everything is met, but for what is given."""
    values = {"train_fastest": 6.0, "train_jax": 4.5, "roll_fastest": 4.0, "train_rate": 0.8,
              "roll_rate": 0.8, "train_cores": 1.9, "roll_cores": 1.9} | measured  # fmt: skip
    goals = {"train_fastest": 5.0, "train_jax": 4.0, "roll_fastest": 3.5, "train_rate": 0.75,
             "roll_rate": 0.75, "train_cores": 1.8, "roll_cores": 1.8}  # fmt: skip
    rows = [target(id, "target", f"the {id}", "at least", goal, [values[id]]) for id, goal in goals.items()]
    for id, bound in (("schur_72", 3.0), ("memory", 500.0), ("memory_growth", 1.1)):
        rows.append(target(id, "target", f"the {id}", "at most", bound, [measured.get(id, 1.0)]))
    rows.append(target("train_rate_strict", "stricter", "harder", "at least", 5.0, [1.0]))
    return pd.DataFrame(rows)


RATES = pd.DataFrame(
    [
        (work, by, cores, rate, 0.9 * rate, 1.1 * rate)
        for work, by, cores, rate in [
            ("matrix product", "bare", 1, 80.0),
            ("matrix product", "bare", 2, 150.0),
            ("matrix product", "one after the other", 1, 70.0),
            *[
                row
                for work in ("training step", "rollouts")
                for row in [
                    (work, "ours", 1, 60.0),
                    (work, "ours", 2, 114.0),
                    (work, "torch.nn.RNN", 2, 20.0),
                    (work, "JAX, all at once", 2, 25.0),
                ]
            ],
        ]
    ],
    columns=["work", "by", "cores", "gflops", "lowest", "highest"],
)
SCHUR = pd.DataFrame(
    {"matrix": ["gaussian", "uniform"] * 2, "N": [72, 72, 256, 256], "ratio": [1.2, 3.4, 1.1, 1.2],
     "lowest": [1.1, 3.0, 1.0, 1.1], "highest": [1.3, 3.6, 1.2, 1.3]}
)  # fmt: skip


def test_where_all_targets_are_met_no_cause_is_given_and_stricter_rows_do_not_count():
    assert len(causes(made_up(), RATES, SCHUR)) == 0
    assert summary(made_up()) == "all 10 targets are met"


def test_a_missed_target_is_named_in_the_table_in_the_summary_and_with_its_cause():
    targets = made_up(train_fastest=4.0)
    assert summary(targets) == "9 of 10 targets are met, 1 missed"
    rows = shown(targets).set_index("what")
    assert rows.verdict["the train_fastest"] == "missed by 20 %"
    assert rows.target["the train_fastest"] == "≥ 5" and rows.target["the memory"] == "≤ 500"
    [cause] = causes(targets, RATES, SCHUR).itertuples()
    assert (cause.what, cause.verdict) == ("the train_fastest", "missed by 20 %")
    # 5 times 25 GFLOP/s, the fastest peer's, of twice 70; ours 114; 1 − 60/70 of the time on no product
    for said in ("25 GFLOP/s", "asks for 125, which is 89 % of it", "reaches 114 (81 %)", "14 % of"):
        assert said in cause.why


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({"train_rate": 0.7}, "wait for one another 70 and ours 60: 14 % of its time"),
        ({"roll_cores": 1.7}, "a factor of 1.88 from the second core, so that the loss is in our"),
        ({"schur_72": 3.4}, "1.20 (gaussian), 3.40 (uniform)"),
        ({"memory": 620.0}, "It took 620"),
        ({"train_jax": math.nan}, "ran without this peer"),
        ({"roll_fastest": 3.0}, "asks for 88, which is 62 % of it"),
        ({"train_jax": 3.0}, "asks for 100, which is 71 % of it"),
    ],
)
def test_the_cause_of_a_miss_comes_from_the_numbers(measured, said):
    [why] = causes(made_up(**measured), RATES, SCHUR).why
    assert said in why


def test_a_target_beyond_the_machine_and_a_machine_without_a_second_core_are_said_so():
    slow = RATES.assign(gflops=RATES.gflops.where(RATES.work != "matrix product", 60.0))
    [why] = causes(made_up(train_fastest=4.0), slow, SCHUR).why
    assert "asks for 125, which is more than there is" in why
    [why] = causes(made_up(train_cores=1.1), slow, SCHUR).why
    assert "a factor of 1.00 from the second core, less than the target" in why


def test_a_peer_that_was_not_measured_is_neither_met_nor_missed():
    assert summary(made_up(train_jax=math.nan)) == "9 of 10 targets are met, 1 not measured"
    row = shown(made_up(train_jax=math.nan)).set_index("what").loc["the train_jax"]
    assert (row["median"], row["range"], row["verdict"]) == ("–", "–", "not measured")


@pytest.mark.parametrize(("value", "said"), [(4.0371, "4.04"), (75.64, "75.6"), (0.6449, "0.645"), (623.4, "623")])
def test_a_number_is_written_with_three_digits(value, said):
    assert text(value) == said


def test_the_estimate_adds_the_stages_and_shares_the_networks_among_the_cores():
    cost = pd.DataFrame(
        [("copy", "cayley", 72, 1000, 0.5), ("copy", "cayley", 72, 500, 1.0), ("flip_flop", "x", 64, 90, 0.1)],
        columns=["task", "construction", "hidden_size", "steps", "seconds"],
    )  # fmt: skip
    copy, flip_flop = estimate(cost, 0.5, networks=36, cores=8, price=3.0).itertuples()
    assert copy.seconds == 1000.0
    assert copy.core_hours == pytest.approx(36 * 2000 / 3600)
    assert copy.hours == pytest.approx(5 * 2000 / 3600)  # one core has five of the 36
    assert copy.price == pytest.approx(8 * 3.0 * copy.hours)  # the others are paid for too
    assert (flip_flop.task, flip_flop.seconds) == ("flip_flop", pytest.approx(9.0))


def test_the_efficiency_is_what_a_core_keeps_beside_another_and_no_more_than_one():
    assert efficiency(RATES) == pytest.approx(114 / 120)
    assert efficiency(RATES.assign(gflops=RATES.gflops.where(RATES.cores == 1, 200.0))) == 1.0


def test_the_exponent_is_that_of_the_large_values():
    x = [1, 2, 4, 8, 16, 32, 64]
    assert exponent(x, [7.0, 7.0, 7.0] + [3 * v**1.5 for v in x[3:]]) == pytest.approx(1.5)


GROWTH = pd.DataFrame(
    [
        (varied, what, value, s * value, 0.9 * s * value, 1.1 * s * value)
        for varied in ("hidden_size", "networks")
        for what, s in (("training step", 3e-3), ("rollouts", 1e-3))
        for value in (1, 2, 4, 8)
    ],
    columns=["varied", "what", "value", "seconds", "lowest", "highest"],
)
MEMORY = pd.DataFrame(
    {"matrices": [10, 100], "megabytes": [30.0, 40.0], "lowest": [29.0, 39.0],
     "highest": [31.0, 41.0], "process": [480.0, 490.0], "process_lowest": [479.0, 489.0],
     "process_highest": [481.0, 491.0]}
)  # fmt: skip


def test_the_fitted_range_is_that_of_the_upper_half():
    found = exponents(GROWTH)
    assert found.exponent.tolist() == pytest.approx([1.0] * 4)
    assert set(zip(found.lowest_value, found.highest_value, strict=True)) == {(2, 8)}


def test_the_figure_of_targets_shows_how_far_each_was_met_and_leaves_out_what_was_not_measured():
    fig = plots.targets(made_up(train_fastest=4.0, memory=1000.0, train_jax=math.nan))
    [ax] = fig.axes
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert len(labels) == 10 and plots.LABELS["train_jax"] not in labels
    at = {
        labels[int(line.get_ydata()[0])]: (line.get_xdata()[0], line.get_marker())
        for line in ax.lines
        if line.get_marker() in ("o", "X") and len(line.get_xdata()) == 1
    }
    assert at[plots.LABELS["train_fastest"]] == (0.8, "X")
    assert at[plots.LABELS["memory"]] == (0.5, "X")
    assert at[plots.LABELS["train_rate"]] == (pytest.approx(0.8 / 0.75), "o")
    plt.close(fig)


def test_the_other_figures_draw_what_their_tables_hold():
    for fig, panels in (
        (plots.rates(RATES), 2),
        (plots.growth(GROWTH, exponents(GROWTH)), 2),
        (plots.schur_form(SCHUR, 3.0), 1),
        (plots.memory(MEMORY, 500.0), 1),
    ):
        fig.canvas.draw()
        assert len(fig.axes) == panels and all(ax.get_xlabel() for ax in fig.axes[panels - 1 :])
        plt.close(fig)
    bars = plots.rates(RATES).axes[0].patches
    assert [bar.get_width() for bar in bars] == [60.0, 57.0, 10.0, 12.5]  # a core
    plt.close("all")


def test_every_shipped_target_has_a_label_in_the_figure():
    fig = plots.targets(table("targets"))
    assert len(fig.axes[0].get_yticklabels()) == table("targets").measured.notna().sum()
    plt.close(fig)


def test_the_shipped_verdicts_are_those_of_the_shipped_numbers():
    rows = table("targets")
    assert rows.verdict.tolist() == [verdict(r.measured, r.bound, r.target) for r in rows.itertuples()]
    asked = rows[rows.kind == "target"].set_index("id")
    goals = {"train_fastest": 3.8, "roll_fastest": 2.8, "train_jax": 6.0, "train_rate": 0.62, "roll_rate": 0.6,
             "complete_rate": 0.68, "train_cores": 1.8, "roll_cores": 1.8, "complete_cores": 1.8, "memory": 500.0,
             "memory_growth": 1.1, "schur_72": 1.35, "schur_256": 1.35, "schur_512": 1.2,
             "schur_1024": 1.2}  # fmt: skip
    assert asked.target.to_dict() == goals


def test_the_readme_holds_the_shipped_results():
    content = readme.README.read_text(encoding="utf-8")
    assert readme.replaced(content, readme.current()) == content, (
        "`python3 run.py bench --peers` measures anew and writes the README's table"
    )


def test_the_readmes_section_names_machine_and_shortfall_and_leaves_the_stricter_out():
    where = {"processor": "Z80", "cores": 3, "measured": "1976-07-01", "blas": "b",
             "versions": {"torch": "0", "jax": None}}  # fmt: skip
    new = readme.section(made_up(roll_rate=0.6), where)
    assert "on Z80, two of 3 processors (1976-07-01; PyTorch 0; our BLAS: b), 9 of 10 targets" in new
    assert "| the roll_rate | ≥ 0.75 | 0.600 | 0.600–0.600 | missed by 20 % |" in new
    assert "harder" not in new


def test_only_what_is_between_the_marks_of_the_readme_is_replaced():
    old = f"before\n{readme.BEGIN}old\n{readme.END}after\n"
    once = readme.replaced(old, "new\n")
    assert once == f"before\n{readme.BEGIN}\nnew\n\n{readme.END}after\n"
    assert readme.replaced(once, "new\n") == once
    with pytest.raises(ValueError, match="lost the marks"):
        readme.replaced("before\nafter\n", "new\n")


def test_ratios_compare_what_ran_in_the_same_round_and_a_missing_peer_is_none():
    names = ("product", "in_turn", "train_ours_one", "train_ours", "train_torch", "complete_one", "complete",
             "roll_ours_one", "roll_ours", "roll_torch")  # fmt: skip
    times = {name: [2.0, 4.0] for name in names} | {"train_torch": [20.0, 60.0]}
    rows = {id: values for id, _, _, _, values in speed.target_rows(times)}
    assert rows["train_fastest"] == [10.0, 15.0] and rows["train_jax"] is None
    # the same time for this many operations more than those of the products
    assert rows["train_rate"] == [pytest.approx(3 * 10 * speed.STEPS / speed.PRODUCTS)] * 2
    assert rows["complete_rate"] == [pytest.approx(3 * 2 * speed.TRAINED / speed.PRODUCTS)] * 2
    rows = {id: values for id, *_, values in speed.target_rows(times | {"train_jax": [6.0, 8.0]})}
    assert rows["train_jax"] == [3.0, 2.0]


def test_the_fastest_peer_is_the_one_of_the_lowest_median():
    times = {"train_torch": [20.0, 60.0, 30.0], "train_jax": [50.0] * 3, "train_jax_one": [10.0, 29.0, 90.0]}
    assert speed.fastest(times, "train_") == ("train_jax_one", "JAX, one a core")
    assert speed.fastest({"roll_torch": [1.0]}, "roll_") == ("roll_torch", speed.TORCH)
    said = next(what for id, _, what, *_ in speed.target_rows(times | {n: [1.0] * 3 for n in
                ("in_turn", "train_ours", "train_ours_one", "roll_ours", "roll_ours_one", "roll_torch",
                 "complete", "complete_one")}) if id == "train_fastest")  # fmt: skip
    assert "fastest peer (JAX, one a core)" in said


def test_a_machine_has_its_rows_beside_those_of_others_and_in_the_place_of_its_own(tmp_path):
    for processor, measured, value in (
        ("Z80", "1976-07-01", 3.0),
        ("6502", "1975-09-01", 1.0),
        ("Z80", "1977", 4.0),
    ):
        row = target("x", "target", "X", "at least", 2.0, [value])
        put({"targets": [row]}, {"processor": processor, "measured": measured}, tmp_path)
    assert set(machines(tmp_path)) == {"Z80", "6502"} and machine(tmp_path)["measured"] == "1977"
    assert table("targets", folder=tmp_path).measured.tolist() == [4.0]
    assert table("targets", "6502", tmp_path).measured.tolist() == [1.0]
    assert side_by_side(tmp_path).loc["x"].to_dict() == {"6502": "1.00, missed by 50 %", "Z80": "4.00, met"}


def test_a_rate_is_operations_over_seconds():
    [row] = speed.rate_rows({"train_ours": [2.0, 1.0, 4.0]})
    flop = 6 * 108 * 64 * 72**2 * 10 * speed.STEPS
    assert row["gflops"] == pytest.approx(flop / 2e9, abs=0.01)
    assert (row["cores"], row["highest"]) == (2, pytest.approx(flop / 1e9, abs=0.01))


def test_the_schur_target_is_that_of_the_slowest_kind_of_each_size():
    table = [
        {"matrix": m, "N": N, "ratio": r, "lowest": r - 0.1, "highest": r + 0.1}
        for N in schur_benchmark.REPEATS
        for m, r in (("a", 1.0), ("b", 2.0))
    ]
    rows = schur_benchmark.target_rows(table)
    assert [row[0] for row in rows] == ["schur_72", "schur_256", "schur_512", "schur_1024"]
    assert all(row[4] == (1.9, 2.0, 2.1) for row in rows)


def test_the_steps_at_each_horizon_add_up_to_the_recipe():
    chosen = [s for s in catalogue.specs("copy") if (s.construction, s.hidden_size) == ("cayley", 72)]
    steps = training_cost.steps_at(chosen)
    assert sum(steps.values()) == pytest.approx(chosen[0].recipe.steps)
    assert set(steps) <= set(chosen[0].recipe.horizons)


def test_a_curriculum_is_held_at_a_horizon_and_the_rest_of_the_recipe_kept():
    [spec] = [s for s in catalogue.specs("copy") if s.construction == "cayley" and s.seed == 0
              and s.hidden_size == 72]  # fmt: skip
    held = training_cost.held_at(spec, 20).recipe
    assert held.horizons == (20, 100) and held.advance_at > 1
    assert training_cost.held_at(spec, 100).recipe.horizons == (100,)
    assert (held.steps, held.batch_size) == (spec.recipe.steps, spec.recipe.batch_size)


def test_the_machine_is_described_without_naming_it():
    where = machine()
    assert {"processor", "cores", "memory_gib", "blas", "load_before", "measured", "versions"} <= set(where)
    assert {"python", "torch", "numpy", "scipy", "numba", "jax", "onnxruntime"} <= set(where["versions"])


def test_the_options_of_the_benchmark(tmp_path, capsys):
    assert options([]).output == TABLES and not options([]).peers
    assert options(["--peers", "--output", str(tmp_path)]).output == tmp_path
    for wrong in (["--peer"], ["--outputs", "x"], ["more"]):
        with pytest.raises(SystemExit):
            options(wrong)
        assert "unrecognized arguments" in capsys.readouterr().err


def test_the_peer_in_jax_starts_and_answers(tmp_path):
    """With a stand-in for JAX, which takes every call and computes nothing."""
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text(
        "import sys\nfrom unittest.mock import MagicMock\n"
        "sys.modules['jax'] = jax = MagicMock(__version__='0')\nsys.modules['jax.numpy'] = jax.numpy\n"
    )
    peers = speed.start_peer(tmp_path, "train_jax", "JAX", by_core=False, repeats=1)
    try:
        assert len(peers) == 1 and 0 <= speed.ask(peers) < 10
    finally:
        for peer in peers:
            peer.communicate(timeout=10)
            assert peer.returncode == 0
    assert speed.start_peer(tmp_path / "elsewhere", "train_jax", "JAX", by_core=False, repeats=1) == []
