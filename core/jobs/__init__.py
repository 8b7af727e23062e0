"""Execution: the task graph of a run, the runner that drives it, and what can be told of its progress."""
