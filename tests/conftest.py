"""Laws are checked in double precision, and arrays never broadcast by accident."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")

# Compiling is two thirds of the work: what was compiled once serves every process that a test starts, and the next run.
# Each of several test processes (pytest-xdist) has its own: JAX does not write these files in one piece.
TESTS = Path(__file__).parent
COMPILED = str(TESTS.parent / ".pytest_cache" / f"jax{os.environ.get('PYTEST_XDIST_WORKER', '')}")
jax.config.update("jax_compilation_cache_dir", COMPILED)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
os.environ["JAX_COMPILATION_CACHE_DIR"] = COMPILED
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

# The same examples in every run, and no clock: a slow machine is no failure.
hypothesis.settings.register_profile("laws", derandomize=True, deadline=None)
hypothesis.settings.load_profile("laws")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """What a process takes at once from the queue (``-n``): a folder, whose tests share fixtures that take long to
    make, or one file of laws, which share none. (pytest 9.2 does not pass on the groups that pytest-xdist 3.8 knows.)
    """
    from xdist.scheduler import LoadScopeScheduling

    class Folders(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.partition("::")[0])
            folder, *_ = file.relative_to(TESTS.name).parts
            return file.stem if folder == "laws" else folder

    config.option.loadscopereorder = False  # the browser's tests, which take longest, come first by their name
    return Folders(config, log)


@pytest.fixture(scope="session", autouse=True)
def _data_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A catalogue that a test opens by its name is not stored in the checkout, where the next run would find it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEP_POTENTIAL_DATA", str(tmp_path_factory.mktemp("data")))
        yield
