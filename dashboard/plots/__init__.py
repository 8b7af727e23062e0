"""Figures from values of ``core``: no widgets, no state, no computing beyond binning."""
