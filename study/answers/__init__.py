"""What the tables of a chapter say, in sentences: one module a chapter, every number and verdict computed."""
