"""What the machine may do to a build, said in a sentence with the remedy instead of a traceback."""

import errno
import os
import sys
from contextlib import contextmanager

AGAIN = "and run this again: what is finished is kept."
FULL = ("No space left on device", "Disk quota exceeded", os.strerror(errno.ENOSPC))
NO_MEMORY = (
    "MemoryError",
    "an't allocate memory",
    "annot allocate memory",
    "nable to allocate",
    "TerminatedWorker",
)
KILLED = f"most often the system had no memory left for it. End other programs, or give it more memory, {AGAIN}"


def remedy(text):
    """A sentence for what an error says of a full disk or of missing memory; "" where the fault is elsewhere."""
    if any(words in text for words in FULL):
        return f"The disk is full: free some space, {AGAIN}"
    if any(words in text for words in NO_MEMORY):
        return f"Memory ran out: end other programs, or give this one more, {AGAIN}"
    return ""


def said(error):
    """A line for an error that has a remedy, else ""."""
    text = f"{type(error).__name__}: {error}"
    return remedy(text) and f"{text.splitlines()[0]}. {remedy(text)}"


def of_death(code):
    """How a process ended, by its exit code; negative: by a signal."""
    return f"was killed (signal {-code}); {KILLED}" if code < 0 else f"ended by itself, with the exit code {code}."


@contextmanager
def in_a_sentence():
    """End this process with a sentence where an error has a remedy."""
    try:
        yield
    except Exception as error:
        if line := said(error):
            sys.exit(line)
        raise
