"""Laws are checked in double precision, and arrays never broadcast by accident."""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
