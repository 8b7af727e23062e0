"""Parts of the page Compare: runs beside each other."""
