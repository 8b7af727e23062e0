"""The commands of ``deep-potential``: each a thin shell over the packages below (INTERFACES 1)."""
