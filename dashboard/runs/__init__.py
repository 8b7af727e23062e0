"""Runs on every page: chosen, listed, followed as they go."""
