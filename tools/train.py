"""Train the networks of a task; called by the task graph, in a process of its own."""

from schur_lib import profiles, store


def train(task, profile, listing):
    """Train what the store lacks, and write the paths of all the task's networks into a file."""
    profiles.main([task, profile])
    specs = profiles.specs(task, profile, "trained")
    listing.write_text("\n".join(str(store.path(s, store.default_folder())) for s in specs))
