"""The distribution function f(x, v) = n(x) p(v|x) of a sample of stars, as an ensemble of normalizing flows."""
