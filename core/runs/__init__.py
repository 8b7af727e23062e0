"""A run is a directory: its specification never changes, its products are sealed, the disk is the truth."""
