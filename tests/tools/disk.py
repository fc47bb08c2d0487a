"""A full disk, for a process that imports this by its name."""


def full(*_):
    raise OSError(28, "No space left on device")
