"""What leaves the program for other programs and for readers."""
