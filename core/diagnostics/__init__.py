"""What is read off a fit, and whether to believe it: maps, slices, profiles, scalars, verdicts."""
