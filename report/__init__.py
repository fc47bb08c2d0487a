"""Files in, one page out: the diagnostic of anyone's network."""
