"""What is subtracted from the density to leave the dark matter: swappable models of the baryons with their errors."""
