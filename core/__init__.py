"""Deep Potential: from a stellar catalogue to a map of the Galaxy's gravity.

The tree reads like the method: ``catalog`` and ``phase_space`` hold stars, ``flow`` learns their distribution
f(x, v), ``potential`` finds the gravity for which f is stationary, ``diagnostics`` judges both, ``runs`` and ``jobs``
keep and execute a fit on disk, ``mocks`` are catalogues with known truth.
"""

__version__ = "0.1.0"
