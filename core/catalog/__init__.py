"""From a file of stars to a stored catalogue: reading, cuts, astrometry, storage.

``tables`` reads files, ``columns`` finds the quantities in them, ``recipe`` and ``cuts`` choose the stars,
``astrometry`` and ``resampling`` turn the sky into phase space, ``store`` keeps the result, ``ingest`` is
the way through.
"""
