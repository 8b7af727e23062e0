"""Which of millions of stars are chosen, and how many of them are in every bin."""
