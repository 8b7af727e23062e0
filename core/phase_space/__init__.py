"""Stars as points of phase space: samples, coordinates, regions and where the Sun is."""
