"""Every published or measured constant, to its digits, and the registry around them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.closed_forms import QUANTITIES, form, forms
from kb.errors import UsageError
from kb.run import CONFIG_NAMES
from kb.types import Scalar

Config = dict[str, Scalar]


def _nt(batch: int, **more: float) -> Config:
    return {"batch_size": batch, **more}


# Half a unit of the last digit that is written here is the tolerance.
CONSTANTS: list[tuple[str, str, Config, str]] = [
    *(
        ("nt_xent", quantity, _nt(batch), digits)
        for quantity in ("chance", "collapse")
        for batch, digits in (
            (16, "3.4340"),
            (32, "4.1431"),
            (48, "4.5539"),
            (64, "4.8442"),
            (96, "5.2523"),
            (128, "5.5413"),
            (192, "5.9480"),
            (256, "6.2364"),
            (512, "6.9305"),
            (1024, "7.6241"),
            (2048, "8.3175"),
            (4096, "9.0108"),
        )
    ),
    ("nt_xent", "start", _nt(32, temperature=0.5, dim=128), "4.1588"),
    ("nt_xent", "floor", _nt(128, temperature=0.5), "3.55"),
    ("nt_xent.orthogonal", "floor", _nt(32, temperature=0.5), "2.24"),
    ("nt_xent.orthogonal", "floor", _nt(128, temperature=0.5), "3.57"),
    ("nt_xent.orthogonal", "floor", _nt(256, temperature=0.5), "4.25"),
    ("nt_xent.orthogonal", "floor", _nt(512, temperature=0.5), "4.94"),
    ("nt_xent.orthogonal", "floor", _nt(32, temperature=0.1), "0.003"),
    ("nt_xent.orthogonal", "floor", _nt(512, temperature=0.1), "0.045"),
    ("nt_xent.sum2", "collapse", _nt(32), "8.286"),
    ("nt_xent.sum2", "collapse", _nt(256), "12.473"),
    ("nt_xent.sum2", "collapse", _nt(512), "13.861"),
    ("nt_xent.sum2", "collapse", _nt(4096), "18.022"),
    ("nt_xent.sum2", "floor", _nt(128, temperature=0.5), "7.10"),
    ("nt_xent.supcon", "collapse", _nt(64, temperature=0.07), "4.844"),
    ("nt_xent.supcon", "collapse", _nt(64, temperature=0.1), "6.920"),
    ("nt_xent.supcon", "collapse", _nt(64, temperature=0.5), "34.60"),
    ("nt_xent.supcon", "chance", _nt(128, temperature=0.5), "39.6"),
    ("nt_xent.supcon", "chance", _nt(256, temperature=0.5), "44.5"),
    ("nt_xent.supcon", "chance", _nt(512, temperature=0.5), "49.5"),
    ("nt_xent.supcon", "chance", _nt(1024, temperature=0.5), "54.5"),
    ("nt_xent.supcon", "floor", _nt(512, temperature=0.5), "35.2"),
    ("nt_xent.unmasked", "collapse", _nt(32), "4.1589"),
    ("nt_xent.unmasked_cold", "floor", {}, "0.6931"),
    ("nt_xent.unmasked", "floor", _nt(32, temperature=0.05), "0.6931"),
    ("info_nce", "chance", _nt(1), "0.0"),
    ("info_nce", "chance", _nt(256), "5.545"),
    ("info_nce", "collapse", _nt(32768), "10.397"),
    ("dcl", "collapse", _nt(32), "4.1271"),
    ("dcl", "start", _nt(32, temperature=0.1, dim=128), "4.5178"),
    ("dcl", "floor", _nt(32, temperature=0.1), "-6.1954"),
    ("dcl.separate", "collapse", _nt(32, temperature=0.1), "16.868"),
    ("moco", "start", {"queue_size": 65536, "temperature": 0.07, "dim": 128}, "0.087"),
    ("moco", "start", {"queue_size": 65536, "temperature": 0.2, "dim": 128}, "6.190"),
    ("moco", "collapse", {"queue_size": 65536}, "11.0904"),
    ("moco", "chance", {"queue_size": 4096}, "8.3180"),
    ("moco_v3", "collapse", _nt(4096, temperature=0.2), "6.654"),
    ("moco_v3", "collapse", _nt(4096, temperature=1.0), "33.271"),
    ("moco_v3", "chance", _nt(256, temperature=0.2), "4.436"),
    ("moco_v3.one_direction", "chance", _nt(256, temperature=0.2), "2.218"),
    ("siglip", "start", _nt(1), "10.0000454"),
    ("siglip", "start", _nt(1001), "10.0454"),
    ("siglip", "collapse", _nt(64), "5.151"),
    ("siglip.zero_logits", "collapse", _nt(64), "44.361"),
    ("siglip", "floor", {}, "0.0"),
    ("swav", "chance", {"prototypes": 3000}, "8.0064"),
    ("swav", "collapse", {"prototypes": 512}, "6.2383"),
    ("swav", "chance", {"prototypes": 300}, "5.7038"),
    ("swav", "chance", {"prototypes": 21}, "3.0445"),
    ("dino", "collapse", {"prototypes": 65536}, "11.0904"),
    ("dino", "collapse", {"prototypes": 4096}, "8.3178"),
    ("dino", "chance", {"prototypes": 8192}, "9.0109"),
    ("dino", "start", {"prototypes": 65536, "dim": 256, "temperature": 0.1}, "11.29"),
    ("dino.agree", "start", {"prototypes": 65536, "dim": 256, "temperature": 0.1}, "10.31"),
    ("dino.one_hot", "collapse", {}, "0.0"),
    ("msn", "chance", {"prototypes": 1024}, "6.9315"),
    ("msn.constant", "collapse", {"prototypes": 1024, "dim": 32, "temperature": 0.1}, "10.06"),
    ("byol.sum2", "chance", {}, "4.0"),
    ("byol", "chance", {}, "2.0"),
    ("byol.mse", "chance", {"dim": 256}, "0.0078"),
    *(
        (name, quantity, {}, "0.0")
        for name in ("byol", "byol.sum2", "byol.mse", "i_jepa", "v_jepa", "data2vec")
        for quantity in ("collapse", "floor")
    ),
    ("simsiam", "chance", {}, "0.0"),
    ("simsiam", "collapse", {}, "-1.0"),
    ("simsiam", "floor", {}, "-1.0"),
    ("barlow", "collapse", {"dim": 8192}, "8192.0"),
    ("barlow.rank_one", "collapse", {"dim": 8192}, "342213"),
    ("barlow", "chance", _nt(2048, dim=8192), "8363"),
    ("barlow", "floor", _nt(2048, dim=8192), "125.4"),
    ("barlow", "floor", _nt(1024, dim=8192), "292.8"),
    ("barlow", "floor", _nt(256, dim=8192), "1300"),
    ("barlow", "floor", _nt(2048, dim=128), "0.0"),
    ("barlow.scaled024", "collapse", {"dim": 8192}, "196.6"),
    ("barlow.scaled025", "collapse", {"dim": 8192}, "204.8"),
    ("vicreg", "chance", _nt(512, dim=2048), "58.33"),
    ("vicreg", "collapse", {}, "24.75"),
    ("vicreg", "collapse", {"lambda_var": 1}, "0.99"),
    ("vicreg.sum2", "collapse", {}, "49.50"),
    ("vicreg.half_cov", "collapse", {}, "24.75"),
    ("vicreg.half_cov", "chance", _nt(512, dim=2048), "54.32"),
    ("vicreg.rank_one", "collapse", {"dim": 2048}, "4094"),
    ("vicreg.l2_normalised", "floor", {"dim": 2048}, "24.4"),
    ("vicreg", "floor", _nt(256, dim=2048), "14.06"),
    ("vicreg", "floor", _nt(4096, dim=2048), "0.0"),
    ("tico", "collapse", {}, "0.8"),
    ("koleo", "start", _nt(512, dim=2048), "-0.31"),
    ("koleo", "collapse", {"dim": 32}, "16.53"),
    ("sigreg", "floor", {}, "1.05"),
    ("sigreg", "collapse", _nt(512), "205.8"),
    ("mae", "chance", {}, "0.9987"),
    ("mae", "chance", {"dim": 48}, "0.979"),
    ("i_jepa", "chance", {}, "0.4247"),
    ("i_jepa.unrelated", "chance", {}, "0.720"),
    ("v_jepa", "chance", {}, "0.798"),
    ("data2vec", "chance", {}, "1.0"),
    ("wav2vec2", "chance", {}, "4.6151"),
    ("wav2vec2.bits", "chance", {}, "6.6582"),
    ("wav2vec2.contrast", "collapse", {}, "0.0"),
    ("wav2vec2.diversity", "collapse", {}, "0.9969"),
    ("wav2vec2.perplexity", "collapse", {}, "2.0"),
    ("wav2vec2", "collapse", {}, "0.0997"),
    ("hubert", "chance", {"classes": 500}, "6.2226"),
    ("hubert.bits", "chance", {"classes": 500}, "8.977"),
    ("hubert", "chance", {"classes": 100}, "4.6444"),
    ("hubert.bits", "chance", {"classes": 100}, "6.700"),
    ("token_prediction", "chance", {"classes": 8192}, "9.0109"),
    ("token_prediction", "chance", {"classes": 30522}, "10.3262"),
    ("token_prediction", "chance", {"classes": 50257}, "10.8249"),
    ("rotation", "chance", {}, "1.3863"),
    ("relative_patch", "chance", {}, "2.0794"),
    ("jigsaw", "chance", {"classes": 100}, "4.6052"),
    ("jigsaw", "collapse", {"classes": 1000}, "6.9078"),
    ("cross_entropy", "chance", {"classes": 10}, "2.303"),
    ("bce", "collapse", {}, "0.6931"),
]


@pytest.mark.parametrize(("name", "quantity", "config", "digits"), CONSTANTS)
def test_value_to_its_digits(name: str, quantity: str, config: Config, digits: str) -> None:
    decimals = len(digits.partition(".")[2])
    found = form(name, quantity).value(**config)
    assert found == pytest.approx(float(digits), abs=0.5000001 * 10**-decimals)


def test_every_loss_has_a_constant_here() -> None:
    assert {one.loss for one in forms()} == {name.partition(".")[0] for name, *_ in CONSTANTS}


def test_names_are_unique_and_parameters_are_config_names() -> None:
    keys = [(one.name, one.quantity) for one in forms()]
    assert len(set(keys)) == len(keys)
    for one in forms():
        assert one.quantity in QUANTITIES
        assert set(one.arguments) <= set(CONFIG_NAMES)
        assert set(one.usual) <= set(CONFIG_NAMES), one.name
        assert one.formula, one.name
        assert one.reading.endswith("."), one.name
        assert one.source, one.name
        assert all(m == "".join(c for c in m.lower() if c.isalnum()) for m in one.methods)


def test_unused_config_is_ignored_and_defaults_yield_to_it() -> None:
    collapse = form("vicreg", "collapse")
    assert collapse.parameters == ()
    assert collapse.value(batch_size=64, method="vicreg") == pytest.approx(24.75)
    assert collapse.value(lambda_var=0.05) == pytest.approx(0.0495)


def test_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(UsageError, match='did you mean "nt_xent"'):
        form("nt_xnt", "chance")


def test_unknown_quantity_names_the_nearest_or_what_there_is() -> None:
    with pytest.raises(UsageError, match='did you mean "collapse"'):
        form("nt_xent", "colapse")
    with pytest.raises(UsageError, match="it has chance, collapse"):
        form("bce", "floor")


def test_missing_and_unusable_parameters() -> None:
    chance = form("nt_xent", "chance")
    with pytest.raises(UsageError, match="needs batch_size"):
        chance.value(temperature=0.5)
    bad: tuple[Scalar, ...] = (0, -1, math.nan, math.inf, "many", True)
    for value in bad:
        with pytest.raises(ValueError, match="batch_size must be a positive number"):
            chance.value(batch_size=value)
    assert chance.value(batch_size="32") == pytest.approx(math.log(63))


@given(
    st.integers(2, 10**6), st.floats(0.01, 10), st.integers(1, 10**5), st.sampled_from(range(128))
)
def test_values_are_finite_for_sane_configs(
    count: int, temperature: float, dim: int, place: int
) -> None:
    one = forms()[place % len(forms())]
    count = max(count, 3) if one.loss == "koleo" else count
    config: Config = {
        "batch_size": count,
        "queue_size": count,
        "prototypes": count,
        "classes": count,
        "temperature": temperature,
        "dim": max(dim, 32) if one.loss == "koleo" else dim,
    }
    value = one.value(**config)
    assert not math.isnan(value)
