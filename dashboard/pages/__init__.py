"""The pages: each wires values computed by ``core`` to figures drawn by ``plots``."""
