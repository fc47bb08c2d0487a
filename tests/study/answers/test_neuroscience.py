"""What the three neuroscience chapters share: every sentence and table on networks with known answers."""

from schur_lib.specs import Spec
from study.answers import neuroscience
from tests.study.answers.tables import form, profile, states


def test_the_training_is_that_of_the_recipe():
    said = neuroscience.training([Spec("flip_flop", hidden_size=64)])
    for number in ("64 units", "learning rate 0.001", "batches of 64 fresh", "3,840 steps"):
        assert number in said


def test_the_papers_effects_are_those_of_the_task():
    table = profile("sine_generation", [0.004], [2], CC=[2.0], CR=[1.0])
    assert neuroscience.paper_delta(table).to_dict() == {"CC": 2.08, "CR": 1.73, "RR": 0}
    assert set(neuroscience.published(table).quantity) == {"delta_fvu"}


def test_intact_networks_stand_beside_the_paper():
    found = neuroscience.intact(profile("context_integration", [0.01, 0.03], [3, 5]))
    assert found.network.tolist() == ["seed 0", "seed 1", "mean ± SD", "paper (mean of 3)"]
    assert found.FVU.tolist() == ["0.01000", "0.03000", "0.02000 ± 0.01414", "0.0104"]
    assert found.n_R.tolist() == ["3", "5", "4.0 ± 1.4", "–"]
    one = neuroscience.intact(profile("context_integration", [0.01], [3]))
    assert one.FVU.tolist()[1] == "0.01000 ± –"


def test_networks_as_good_as_the_papers_say_no_more():
    said = neuroscience.solved(profile("sine_generation", [0.002, 0.004, 0.0060], [2, 2, 2]))
    assert said == (
        "3 of 3 networks solve the task, with an FVU of at most 0.05. The mean FVU is 0.0040 (0.0020 to "
        "0.0060), where the paper has 0.0036 (difference +0.0004)."
    )


def test_networks_far_better_or_worse_than_the_papers_are_not_the_papers():
    better = neuroscience.solved(profile("flip_flop", [0.00048], [3]), digits=5)
    assert better.startswith("The network solves the task") and "The mean FVU is 0.00048" in better
    assert "The paper's is 10.0 times ours: so our networks or our trials are not" in better
    worse = neuroscience.solved(profile("flip_flop", [0.048, 0.48], [3, 3]))
    assert "1 of 2 networks" in worse and "Ours is 55.0 times the paper's: so" in worse


def test_the_components_hold_their_share_of_the_variance():
    said = neuroscience.components(states(4.0, 3.0, 2.0, 1.0))
    assert said == ("The two components drawn hold 70 % of the variance of the states, the first three 90 %.")


def test_eigenvalues_are_counted_near_the_circle_and_by_radius():
    forms = [form(1.05, 0.95j, 0.85), form(2.0, 0.5, 0.4, 0.95)]
    assert neuroscience.near_circle(forms) == "50 %"  # 3 of 4 and 1 of 4
    assert neuroscience.radii(forms) == "1.05 to 2.00"


def test_leading_sectors_of_one_size_and_of_several():
    small, large = form(2.0, 0.5, 0.4), form(2.0, 1.9, 0.4)
    assert neuroscience.sizes([small, small]) == "The leading sector has $n_R$ = 1 dimensions in all networks."
    assert neuroscience.sizes([large, small, large]).endswith(": $n_R$ is 1, 2 and 2.")


def test_networks_are_drawn_from_the_smallest_to_the_largest_sector():
    sizes = [3, 1, 2, 5, 4, 7, 6]
    forms = [form(*[1.0] * k, *[0.1] * (7 - k)) for k in sizes]
    assert [sizes[i] for i in neuroscience.ranked(forms)] == [1, 3, 5, 7]
    assert neuroscience.ranked(forms[:1]) == [0]
    assert neuroscience.ranked(forms[:2]) == [1, 0]
