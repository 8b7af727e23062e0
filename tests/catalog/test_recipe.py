"""Recipes: presets, TOML, and what is refused."""

import pytest

from core.catalog.presets import PRESETS
from core.catalog.recipe import load_recipe, parse_recipe
from core.errors import ConfigError
from core.phase_space.region import Expression, Shell, from_json

FULL = """
name = "mine"
coordinates = "astrometric"
table = "sources"
[columns]
radial_velocity = "vhelio"
source_id = ""
[units]
distance = "pc"
[distance]
method = "column"
[[cuts]]
name = "clean"
keep = '''
ruwe < 1.4
  & parallax > 1
'''
optional = true
[[cuts]]
keep = "distance < 0.5"
[volume]
radius = 0.5
"""


def test_everything_a_recipe_can_say():
    recipe = parse_recipe(FULL)
    assert (recipe.name, recipe.table, recipe.distance) == ("mine", "sources", "column")
    assert recipe.columns == {"radial_velocity": "vhelio", "source_id": ""}
    assert [(c.name, c.keep, c.optional) for c in recipe.cuts] == [
        ("clean", "ruwe < 1.4 & parallax > 1", True),
        ("distance < 0.5", "distance < 0.5", False),
    ]
    assert recipe.volume == Shell(0.5)
    assert from_json(recipe.to_json()["volume"]) == Shell(0.5)


@pytest.mark.parametrize(
    ("volume", "region"),
    [
        ('expression = "abs(z) < 0.5"', Expression("abs(z) < 0.5")),
        ('kind = "shell"\nouter = 1.0\ninner = 0.1\ncentre = [0.0, 0.0, 0.0]', Shell(1.0, 0.1)),
    ],
)
def test_volumes(volume, region):
    assert parse_recipe(f"[volume]\n{volume}").volume == region


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.coordinates == ("cartesian" if name == "cartesian" else "astrometric")
    if name != "cartesian":
        assert recipe.zero_point == -0.017
        assert recipe.volume == Shell(1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cutz = []", "'cuts'"),
        ("coordinates = 'galactic'", "galactic"),
        ("[columns]\nparalax = 'p'", "'parallax'"),
        ("[columns]\nparallax = 1", "must be text"),
        ("[units]\nparallax = 'furlong'", "not a unit"),
        ("[units]\nparallax = 'kpc'", "such as 'mas'"),
        ("[distance]\nmethod = 'guess'", "guess"),
        ("[distance]\nzeropoint = 1", "'zero_point'"),
        ("[distance]\nzero_point = 'x'", "must be a number"),
        ("distance = 3", "not a table"),
        ("cuts = 3", r"\[\[cuts\]\]"),
        ("cuts = [3]", "not a table"),
        ("[[cuts]]\nname = 'x'", "no condition"),
        ("[[cuts]]\nkeep = 'ruwe <'", "cannot read"),
        ("[[cuts]]\nkeep = 'ruwe < 1'\noptional = 1", "true or false"),
        ("[volume]\nradius = 0", "no volume"),
        ("[volume]\nradius = nan", "no volume"),
        ("[volume]\nexpression = 'zz < 1'", "unknown coordinate"),
        ("[volume]\nkind = 'sphere'", "malformed"),
        ("[volume]\nkind = ['box']", "malformed"),
        ("[volume]\nkind = 'box'\nranges = 3", "malformed"),
        ("[volume]", "needs one of"),
        ("table = 1.5", "name or a number"),
        ("name = 'x", "not TOML"),
    ],
)
def test_malformed_recipes(text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        parse_recipe(text)
    assert caught.value.exit_code == 2


def test_recipe_file_is_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[distance]\nmethod = 'guess'")
    with pytest.raises(ConfigError, match=r"mine\.toml: 'method'"):
        load_recipe(file)
    file.write_text("[distance]\nzero_point = -0.03")
    assert load_recipe(str(file)).zero_point == -0.03
    assert load_recipe(file).name == "mine"


@pytest.mark.parametrize(
    ("name", "message"), [("gaia-dr3-rv", "Did you mean 'gaia-dr3-rvs'"), ("nowhere.toml", "nowhere.toml")]
)
def test_unknown_recipe(name, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe(name)
