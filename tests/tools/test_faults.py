"""Builds that are killed, whose disk is full, whose files are damaged: `run.py faults`."""

import pytest

from tests.cases import run


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_is_wrong_after_a_fault():
    done = run("faults")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("nothing lost, nothing wrong")
