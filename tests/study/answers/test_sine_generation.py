"""The chapter on sine generation says what its tables say, whichever way they turn out."""

import numpy as np
import pandas as pd
import pytest

from schur_lib import tasks
from schur_lib.specs import Spec
from schur_lib.tasks import held_out
from study.answers import sine_generation as answers
from tests.study.answers.tables import form, parts, profile, states

SPEC = Spec("sine_generation", task_options={"highest": 5.0, "n_frequencies": 5})


def test_the_setting_is_the_specs():
    said = answers.setting([SPEC])
    assert "50 steps, as in the paper, of 10 ms, so it lasts 0.5 s" in said
    assert "one of 5 from 1.0 to 5.0 Hz. The training" in said


def test_inputs_stand_for_the_frequencies_of_the_targets():
    cues, targets = held_out(tasks.sine_generation(**SPEC.task_options), n_trials=30)
    hertz = answers.hertz(cues[0, :, 0], SPEC.task_options)
    assert set(np.round(hertz, 9)) == {1, 2, 3, 4, 5}
    waves = np.sin(2 * np.pi * 0.01 * np.arange(50)[:, None] * hertz)
    assert np.allclose(waves, targets[..., 0].numpy(), atol=1e-5)


def test_few_leading_eigenvalues_leave_most_modes_in_the_complement():
    forms = [form(1.5, 1.0, 0.95), form(1.0j * 1.25, 0.95)]
    table = profile("sine_generation", [0.1, 0.1], [1, 2]).query("removed == 'RR'").assign(mass=[0.0, 1e-6])
    said = answers.spectrum(states(2.0, 1.0, 1.0), [forms[0], forms[0]], table)
    assert "In 2 of 2 networks $T_{RR}$ is empty or at rounding level: a single" in said
    assert "after training 67 % of them" in said and "radius, 1.50, is" in said
    assert "in 2 of 2 networks the largest is real" in said
    assert said.endswith("here most modes are in $C$.")
    said = answers.spectrum(states(2.0, 1.0, 1.0), [forms[1]], table.assign(mass=0.1)[:1])
    assert "In no network $T_{RR}$ is empty or at rounding level." in said
    assert "in no network the largest is real" in said and said.endswith("leaves most modes in $R$.")


def test_the_harms_stand_beside_the_papers():
    table = profile("sine_generation", [0.004] * 3, [2, 4, 1], CC=[2.0] * 3, CR=[1.0] * 3,
                    RR=[0.0, 1.2, 0.0], CR_CC=[2.0] * 3, RR_CR_CC=[2.5] * 3)  # fmt: skip
    assert answers.harms(table) == (
        "The mean ΔFVU is 2.00 without $T_{CC}$ (paper 2.08), 1.00 without $T_{CR}$ (paper 1.73) and 0.40 without "
        "$T_{RR}$. The last is a mean that hides its networks: the median is 0.000, and the largest, 1.20, is "
        "that of seed 1 with $n_R$ = 4. It is 2.00 without $T_{CR}$ and $T_{CC}$, and 2.50 without all three: the "
        "effects do not add up."
    )


def test_effects_may_add_up_and_networks_agree():
    said = answers.harms(profile("sine_generation", [0.1], [2], CC=[2.0], CR=[1.0], RR=[0.3], CR_CC=[2.8]))
    assert "Of the last the median is 0.300" in said and said.endswith("the effects add up.")


def test_the_shape_of_the_outputs_is_a_median_and_a_count():
    shapes = pd.DataFrame(
        {"removed": b, "correlation": c, "swing": 0.5, "offset": 0.2, "late_swing": late}
        for b in ("RR", "CR", "CC")
        for c, late in ((-0.3, 0.05), (-0.2, 0.2), (0.9, 0.0))
    )
    found = answers.rhythm(shapes).set_index("ablated")
    assert found.loc["−CC"].tolist() == ["−0.20", "0.50", "0.20", "0.050", "2 of 3"]
    assert answers.rhythm(shapes[::3])["stands still in"].tolist() == ["1 of 1"] * 3


def frequencies(CR, CC, RR=(0.0, 0.2)):
    """Networks with these ΔFVU at 1, 3, 4 and 6 Hz; two numbers are those of the slow and the fast half."""
    curve = lambda slow, fast: {1.0: slow, 3.0: slow + 0.1, 4.0: fast, 6.0: fast + 0.1}  # noqa: E731
    return parts("cue", {"CR": [curve(*c) for c in CR], "CC": [curve(*c) for c in CC],
                         "RR": [curve(*RR) for _ in CR]})  # fmt: skip


SLOW, FAST = (2.0, 1.0), (1.0, 2.0)


def test_the_frequencies_are_halved_at_the_middle():
    found = answers.by_frequency(frequencies(CR=[SLOW, SLOW, FAST], CC=[FAST] * 3)).set_index("ablated")
    assert list(found) == [
        "smallest ΔFVU",
        "largest ΔFVU",
        "below 3.5 Hz",
        "above",
        "above is worse in",
    ]
    assert found.loc["−CC"].tolist() == [
        "1.00 at 1.0 Hz",
        "2.10 at 6.0 Hz",
        "1.05",
        "2.05",
        "3 of 3",
    ]
    assert found.loc["−CR"].tolist() == [
        "1.00 at 4.0 Hz",
        "2.10 at 3.0 Hz",
        "2.05",
        "1.05",
        "1 of 3",
    ]


@pytest.mark.parametrize(
    "networks, tendency",
    [
        ([FAST] * 4 + [SLOW], "the fast sines suffer more"),
        ([SLOW] * 4 + [FAST], "the slow sines suffer more"),
        ([SLOW] * 3 + [FAST] * 2, "it depends on the network"),
        ([SLOW], "the slow sines suffer more"),
    ],
)
def test_a_tendency_is_that_of_four_networks_in_five(networks, tendency):
    parts = frequencies(CR=networks, CC=networks)
    assert answers.tendency(parts, "CR") == f"without $T_{{CR}}$ {tendency}"


def test_the_answer_names_the_network_that_needs_RR_most():
    table = profile("sine_generation", [0.1] * 2, [2, 4], RR=[0.05, 0.4])
    assert answers.answer(table, frequencies([SLOW] * 2, [FAST] * 2), 0) == (
        "**The answer.** Comparing the frequencies below 3.5 Hz with those above, network by network: without "
        "$T_{CC}$ the fast sines suffer more; without $T_{CR}$ the slow sines suffer more. Ablating $T_{RR}$ "
        "raises the FVU by more than 0.1 in 1 of 2 networks; in seed 1, which it hits most, it goes from 0.00 at "
        "1.0 Hz to 0.30 at 6.0 Hz. The example network is seed 0, the one nearest to the median effects."
    )
