"""A fit at given points: the arrays of the interface, and what is said of a file that holds no points."""

import numpy as np
import pytest
from small_flows import trained

from core import ensemble
from core.diagnostics.evaluation import evaluate_run, read_points
from core.errors import InputError

POINTS = np.random.default_rng(0).normal(size=(7, 6)) * [0.3, 0.3, 0.2, 30, 30, 20]


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_points_are_read_as_they_were_written(tmp_path):
    w, has_velocity = read_points(write(tmp_path / "w.npz", w=POINTS, other=np.array(["text"])))
    np.testing.assert_array_equal(w, POINTS)
    assert has_velocity
    x, has_velocity = read_points(write(tmp_path / "x.npz", x=POINTS[:, :3].astype(np.float32)))
    np.testing.assert_allclose(x[:, :3], POINTS[:, :3], rtol=1e-6)
    assert not has_velocity
    np.testing.assert_array_equal(x[:, 3:], 0)
    assert x.dtype == float


def as_npz(**arrays):
    return lambda path: write(path, **arrays)


def a_single_array(path):
    with path.open("wb") as file:
        np.save(file, POINTS)


def damaged(path):
    """A bit of the numbers flipped: the archive keeps their checksum."""
    content = bytearray(write(path, w=POINTS).read_bytes())
    content[200] ^= 1
    path.write_bytes(content)


def pickled(path):
    np.savez(path, w=np.array([{"a": 1}], object))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "not an .npz file of numbers"),
        (lambda path: path.write_bytes(b""), "not an .npz file of numbers"),
        (lambda path: path.write_text("x,y,z\n1,2,3\n"), "not an .npz file of numbers"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)), "not an .npz file of numbers"),
        (lambda path: path.mkdir(), "not an .npz file of numbers"),
        (a_single_array, "not an .npz file of numbers"),
        (pickled, "not an .npz file of numbers"),
        (damaged, "not an .npz file of numbers"),
        (as_npz(v=POINTS), "holds neither w nor x. Give w of shape"),
        (as_npz(w=POINTS[:, :5]), "column 'w': has shape (7, 5). Expected (n, 6), n > 0."),
        (as_npz(w=POINTS[0]), "has shape (6,)"),
        (as_npz(w=POINTS[:0]), "has shape (0, 6)"),
        (as_npz(x=POINTS), "column 'x': has shape (7, 6). Expected (n, 3), n > 0."),
        (as_npz(w=POINTS * np.nan), "values that are not finite"),
        (as_npz(w=np.where(POINTS > 1, np.inf, POINTS)), "values that are not finite"),
        (as_npz(w=np.array([["a"] * 6])), "not an .npz file of numbers"),
        (as_npz(w=POINTS + 1j), "not an .npz file of numbers"),
    ],
    ids=lambda p: p[:24] if isinstance(p, str) else "file",
)
def test_a_file_without_points_is_refused_in_words(make, words, tmp_path):
    path = tmp_path / "points.npz"
    make(path)
    with pytest.raises(InputError) as refused:
        read_points(path)
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("has_velocity", [True, False])
def test_the_arrays_are_those_of_the_interface(has_velocity, fit):
    """INTERFACES 3: m members of the flow, k of the potential, n points; best is the median over members."""
    flow, m, k, n = trained("factored", "disc").flow, 2, 3, 7
    arrays = evaluate_run(flow, fit.potential, POINTS, has_velocity=has_velocity)
    shapes = {
        "potential": (k, n),
        "acceleration": (k, n, 3),
        "density": (k, n),
        "potential_best": (n,),
        "acceleration_best": (n, 3),
        "density_best": (n,),
        "pattern_speed": (k,),
        "pattern_speed_best": (),
        "inside": (n,),
    }
    if has_velocity:
        shapes |= {"ln_f": (m, n), "score": (m, n, 6), "ln_f_best": (n,), "score_best": (n, 6)}
    assert {name: a.shape for name, a in arrays.items()} == shapes
    assert {name: a.dtype for name, a in arrays.items()} == {
        name: np.dtype(bool if name == "inside" else float) for name in shapes
    }
    np.testing.assert_array_equal(arrays["inside"], np.linalg.norm(POINTS[:, :3], axis=1) <= 1)
    for name in ("potential", "acceleration", "density"):
        np.testing.assert_allclose(arrays[f"{name}_best"], np.median(arrays[name], 0))
    if has_velocity:
        np.testing.assert_allclose(arrays["ln_f"], flow.log_df(POINTS), rtol=1e-12)
        np.testing.assert_allclose(arrays["score_best"], ensemble.median(arrays["score"]))
        np.testing.assert_allclose(arrays["ln_f_best"], np.log(np.exp(arrays["ln_f"]).mean(0)))  # of two: the middle


def test_a_potential_without_a_frame_has_no_pattern_speed(fit):
    inertial = type(fit.potential)(fit.potential.model, fit.potential.states, None)
    arrays = evaluate_run(trained("factored", "disc").flow, inertial, POINTS, has_velocity=False)
    assert "pattern_speed" not in arrays
