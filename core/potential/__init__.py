"""Gravitational potentials: closed forms, fits to a scored sample, and the fields that follow from them."""
