"""One module per kind of file; each offers a table as names, units and chunks of rows (``table``)."""
