"""What may be chosen as a model of the baryons: names and documents, and what is said of all else."""

import json

import numpy as np
import pytest

from core import settings
from core.baryons.choice import KEY, NAMES, with_content
from core.baryons.document import from_toml
from core.config import Config, preset
from core.errors import ConfigError

OWN = """
name = "my discs"
density_unit = "Msun/pc3"
length_unit = "pc"

[[component]]
name = "gas"
density = 0.04
error = 0.008
profile = "gaussian"
scale_height = 120
group = "gas"

[[component]]
name = "stars"
density = 0.044
error = 0.004
profile = "sech2"
scale_height = 350
scale_length = 2600
"""


def test_a_document_is_read_in_its_units():
    model = from_toml(OWN)
    assert model.name == "my discs"
    assert [(c.density, c.height) for c in model.components] == [
        pytest.approx((0.04, 0.12)),
        pytest.approx((0.044, 0.35)),
    ]
    assert model.components[1].length == pytest.approx(2.6)
    assert model.components[0].length == np.inf
    other = OWN.replace('"Msun/pc3"', '"GeV/cm3"').replace("density = 0.04\n", "density = 1.5184\n")
    assert from_toml(other).components[0].density == pytest.approx(0.04, rel=1e-3)
    assert from_toml(OWN.replace('"pc"', '"kpc"')).components[0].height == pytest.approx(120)


@pytest.mark.parametrize("choice", [*NAMES, OWN], ids=[*NAMES, "document"])
def test_every_choice_survives_being_written_down(choice):
    config = preset("quick", {KEY: choice})
    assert settings.from_dict(Config(), json.loads(json.dumps(settings.to_dict(config)))) == config
    assert settings.from_toml(Config(), settings.to_toml(config)) == config
    assert config.scalars.baryon_model.midplane[0] > 0.07


CHANGES = {
    "no unit of density": (('density_unit = "Msun/pc3"', ""), "density_unit = 'Msun/pc3'"),
    "no unit of length": (('length_unit = "pc"', ""), "length_unit = 'pc'"),
    "unit of something else": (('"Msun/pc3"', '"Msun"'), "'Msun' cannot be a density unit"),
    "no unit at all": (('"pc"', '"bananas"'), "'bananas' cannot be a length unit"),
    "unit that is a number": (('"pc"', "3"), "cannot be a length unit|length unit"),
    "misspelt key": (("scale_height = 120", "scale_hight = 120"), "Did you mean 'scale_height'"),
    "missing key": (("error = 0.008\n", ""), "'gas' lacks error"),
    "profile": (('"gaussian"', '"gausian"'), "Did you mean 'gaussian'"),
    "negative": (("density = 0.04\n", "density = -0.04\n"), "density of component 'gas' is -0.04"),
    "words": (("error = 0.004", 'error = "small"'), "error of component 'stars' is 'small'"),
    "no height": (("scale_height = 350", "scale_height = 0"), "Give a positive number"),
    "infinite": (("scale_height = 350", "scale_height = inf"), "Give a positive number"),
    "not TOML": (("[[component]]", "[[component"), "not TOML"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_with_a_document_is_said(name):
    (old, new), words = CHANGES[name]
    assert old in OWN
    with pytest.raises(ConfigError, match=words):
        from_toml(OWN.replace(old, new, 1))


def test_a_document_without_components_and_one_without_end_are_refused():
    with pytest.raises(ConfigError, match="no component"):
        from_toml('density_unit = "Msun/pc3"\nlength_unit = "pc"')
    with pytest.raises(ConfigError, match="longer than"):
        from_toml(OWN + "#" * 10_000)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ConfigError, match=r"Did you mean 'mckee2015'\?.*FILE\.toml"):
        preset("quick", {KEY: "mckee"})


def test_a_file_becomes_its_content(tmp_path):
    path = tmp_path / "discs.toml"
    path.write_text(OWN, encoding="utf-8")
    given = {KEY: str(path), "flow.members": "2"}
    assert with_content(given) == {KEY: OWN, "flow.members": "2"}
    assert with_content({KEY: "mckee2015"}) == {KEY: "mckee2015"}


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    path = tmp_path / "discs.toml"
    with pytest.raises(ConfigError, match=r"discs\.toml.*cannot be read"):
        with_content({KEY: str(path)})
    path.write_text("name = 'x'", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"discs\.toml.*density_unit = "):
        with_content({KEY: str(path)})
