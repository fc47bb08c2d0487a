"""One question a module, asked of an evaluation."""
