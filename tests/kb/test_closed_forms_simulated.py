"""The closed forms against losses that are really computed, in float64, from vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from kb.closed_forms import form

Array = npt.NDArray[np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


def _unit(x: Array) -> Array:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def _log_sum_exp(logits: Array) -> Array:
    top = logits.max(-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(logits - top).sum(-1)))


def _simplex(points: int) -> Array:
    return _unit(np.eye(points) - 1 / points)


def nt_xent(a: Array, b: Array, temperature: float, *, masked: bool = True) -> float:
    z = np.concatenate([a, b])
    logits = z @ z.T / temperature
    positive = np.roll(np.arange(len(z)), len(a))
    own = logits[np.arange(len(z)), positive]
    if masked:
        np.fill_diagonal(logits, -np.inf)
    return float((_log_sum_exp(logits) - own).mean())


def dcl(a: Array, b: Array, temperature: float) -> float:
    losses = []
    for one, other in ((a, b), (b, a)):
        same, cross = one @ one.T / temperature, one @ other.T / temperature
        own = cross.diagonal().copy()
        np.fill_diagonal(same, -np.inf)
        np.fill_diagonal(cross, -np.inf)
        losses.append((_log_sum_exp(np.concatenate([same, cross], axis=1)) - own).mean())
    return float(np.mean(losses))


def info_nce(a: Array, b: Array, temperature: float) -> float:
    logits = a @ b.T / temperature
    rows = _log_sum_exp(logits) - logits.diagonal()
    columns = _log_sum_exp(logits.T) - logits.diagonal()
    return float((rows.mean() + columns.mean()) / 2)


def siglip(logits: Array) -> float:
    signs = 2 * np.eye(len(logits)) - 1
    return float(np.logaddexp(0, -signs * logits).sum() / len(logits))


def barlow(a: Array, b: Array, weight: float = 0.0051) -> float:
    def standard(z: Array) -> Array:
        return np.asarray((z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5))

    c = standard(a).T @ standard(b) / len(a)
    on = ((c.diagonal() - 1) ** 2).sum()
    return float(on + weight * ((c**2).sum() - (c.diagonal() ** 2).sum()))


def vicreg(a: Array, b: Array) -> float:
    total = 25 * ((a - b) ** 2).mean()
    for z in (a, b):
        total += 25 * np.maximum(0, 1 - np.sqrt(z.var(0, ddof=1) + 1e-4)).mean() / 2
        c = np.cov(z.T)
        total += ((c**2).sum() - (c.diagonal() ** 2).sum()) / z.shape[1]
    return float(total)


def sigreg(z: Array, directions: Array) -> float:
    t = np.linspace(-3, 3, 33)
    target = np.exp(-(t**2) / 2)
    phase = (z @ directions)[..., None] * t
    error = (np.cos(phase).mean(0) - target) ** 2 + np.sin(phase).mean(0) ** 2
    heights = error * target
    area = ((heights[:, 1:] + heights[:, :-1]) / 2).sum(-1) * (t[1] - t[0])
    return float(area.mean() * len(z))


def smooth_l1(x: Array) -> float:
    return float(np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5).mean())


def test_identical_embeddings_log_the_collapse_value(rng: np.random.Generator) -> None:
    z = np.tile(_unit(rng.normal(size=(1, 128))), (32, 1))
    config = {"batch_size": 32, "temperature": 0.1}
    assert nt_xent(z, z, 0.1) == pytest.approx(form("nt_xent", "collapse").value(**config))
    assert nt_xent(0 * z, 0 * z, 0.1) == pytest.approx(np.log(63))
    unmasked = nt_xent(z, z, 0.1, masked=False)
    assert unmasked == pytest.approx(form("nt_xent.unmasked", "collapse").value(**config))
    assert info_nce(z, z, 0.1) == pytest.approx(form("info_nce", "collapse").value(**config))
    assert dcl(z, z, 0.1) == pytest.approx(form("dcl", "collapse").value(**config))


def test_a_simplex_reaches_the_floor() -> None:
    z = _simplex(32)
    config = {"batch_size": 32, "temperature": 0.5}
    assert nt_xent(z, z, 0.5) == pytest.approx(form("nt_xent", "floor").value(**config))
    unmasked = nt_xent(z, z, 0.5, masked=False)
    assert unmasked == pytest.approx(form("nt_xent.unmasked", "floor").value(**config))
    assert info_nce(z, z, 0.5) == pytest.approx(form("info_nce", "floor").value(**config))
    assert dcl(z, z, 0.5) == pytest.approx(form("dcl", "floor").value(**config))
    right_angles = np.eye(32)
    orthogonal = form("nt_xent.orthogonal", "floor").value(**config)
    assert nt_xent(right_angles, right_angles, 0.5) == pytest.approx(orthogonal)


def test_random_vectors_log_the_start_value(rng: np.random.Generator) -> None:
    config = {"batch_size": 512, "temperature": 0.2, "dim": 256}
    a, b = _unit(rng.normal(size=(512, 256))), _unit(rng.normal(size=(512, 256)))
    for name, loss in (("nt_xent", nt_xent), ("info_nce", info_nce), ("dcl", dcl)):
        assert loss(a, b, 0.2) == pytest.approx(form(name, "start").value(**config), abs=0.03)


def test_moco_fresh_queue(rng: np.random.Generator) -> None:
    z = _unit(rng.normal(size=(64, 128)))
    queue = _unit(rng.normal(size=(16384, 128)))
    logits = np.concatenate([np.ones((64, 1)), z @ queue.T], axis=1) / 0.2
    loss = (_log_sum_exp(logits) - logits[:, 0]).mean()
    expected = form("moco", "start").value(queue_size=16384, temperature=0.2, dim=128)
    assert loss == pytest.approx(expected, abs=0.01)


def test_siglip_at_its_constants() -> None:
    batch = 64
    best = min(siglip(np.full((batch, batch), logit)) for logit in np.linspace(-6, -2, 4001))
    assert best == pytest.approx(form("siglip", "collapse").value(batch_size=batch), abs=1e-6)
    zero = siglip(np.zeros((batch, batch)))
    assert zero == pytest.approx(form("siglip.zero_logits", "collapse").value(batch_size=batch))
    start = siglip(np.full((batch, batch), -10.0))
    assert start == pytest.approx(form("siglip", "start").value(batch_size=batch))


def test_dino_first_step(rng: np.random.Generator) -> None:
    prototypes = _unit(rng.normal(size=(4096, 256)))
    config = {"prototypes": 4096, "dim": 256, "temperature": 0.1}
    apart: list[float] = []
    together: list[float] = []
    for _ in range(10):
        student, other = _unit(rng.normal(size=(2, 256)))
        logits = prototypes @ student / 0.1
        for teacher, into in ((other, apart), (student, together)):
            target = np.exp(prototypes @ teacher / 0.04)
            into.append(_log_sum_exp(logits) - target @ logits / target.sum())
    assert np.mean(apart) == pytest.approx(form("dino", "start").value(**config), abs=0.05)
    assert np.mean(together) == pytest.approx(form("dino.agree", "start").value(**config), abs=0.05)


def test_msn_with_one_constant_output(rng: np.random.Generator) -> None:
    losses = []
    for _ in range(50):
        logits = _unit(rng.normal(size=(1024, 128))) @ _unit(rng.normal(size=128)) / 0.1
        log_p = logits - _log_sum_exp(logits)
        # Sinkhorn turns identical rows into uniform targets; the rest is ln K - H(mean p).
        losses.append(-log_p.mean() + np.log(1024) + (np.exp(log_p) * log_p).sum())
    expected = form("msn.constant", "collapse").value(prototypes=1024, dim=128, temperature=0.1)
    assert np.mean(losses) == pytest.approx(expected, abs=0.05)


def test_byol_of_unrelated_vectors(rng: np.random.Generator) -> None:
    a, b = _unit(rng.normal(size=(2, 512, 256)))
    assert ((a - b) ** 2).sum(1).mean() == pytest.approx(form("byol", "chance").value(), abs=0.02)
    mean_squared = form("byol.mse", "chance").value(dim=256)
    assert ((a - b) ** 2).mean() == pytest.approx(mean_squared, rel=0.01)


def test_barlow(rng: np.random.Generator) -> None:
    batch, dim = 128, 256
    config = {"batch_size": batch, "dim": dim}
    a, b = rng.normal(size=(2, batch, dim))
    assert barlow(a, b) == pytest.approx(form("barlow", "chance").value(**config), rel=0.01)
    constant = np.ones((batch, dim))
    assert barlow(constant, constant) == form("barlow", "collapse").value(dim=dim)
    line = a[:, :1] * np.ones(dim)
    rank_one = form("barlow.rank_one", "collapse").value(dim=dim)
    assert barlow(line, line) == pytest.approx(rank_one, rel=1e-3)
    # Equal singular values after centring: the best that rank N - 1 allows.
    basis = np.linalg.qr(a - a.mean(0))[0][:, : batch - 1]
    flat = np.concatenate([basis, basis, basis[:, : dim - 2 * (batch - 1)]], axis=1)
    floor = form("barlow", "floor").value(**config)
    assert floor <= barlow(flat, flat) <= 1.02 * floor


def test_vicreg(rng: np.random.Generator) -> None:
    batch, dim = 128, 256
    config = {"batch_size": batch, "dim": dim}
    draws = rng.normal(size=(20, 2, batch, dim))
    chance = form("vicreg", "chance").value(**config)
    assert np.mean([vicreg(*pair) for pair in draws]) == pytest.approx(chance, rel=0.005)
    a = draws[0, 0]
    assert vicreg(0 * a, 0 * a) == pytest.approx(form("vicreg", "collapse").value())
    line = a[:, :1] / a[:, 0].std(ddof=1) * np.ones(dim)
    rank_one = form("vicreg.rank_one", "collapse").value(dim=dim)
    assert vicreg(line, line) == pytest.approx(rank_one, rel=1e-3)
    unit = _unit(a)
    hinge = form("vicreg.l2_normalised", "floor").value(dim=dim)
    assert 25 * (1 - np.sqrt(unit.var(0, ddof=1) + 1e-4)).mean() == pytest.approx(hinge, abs=0.02)


def test_tico_first_step() -> None:
    z = np.tile(_unit(np.ones((1, 16))), (8, 1))
    memory = 0.1 * z.T @ z / len(z)
    loss = 1 - (z * z).sum(1).mean() + 8 * ((z @ memory) * z).sum(1).mean()
    assert loss == pytest.approx(form("tico", "collapse").value())


def test_koleo(rng: np.random.Generator) -> None:
    z = _unit(rng.normal(size=(256, 1024)))
    cosines = z @ z.T
    np.fill_diagonal(cosines, -2)
    loss = -np.log(np.sqrt(2 - 2 * cosines.max(1))).mean()
    expected = form("koleo", "start").value(batch_size=256, dim=1024)
    assert loss == pytest.approx(expected, abs=0.005)
    epsilons = np.full(32, 1e-8)
    nearest = -np.log(np.linalg.norm(epsilons) + 1e-8)
    assert nearest == pytest.approx(form("koleo", "collapse").value(dim=32))


def test_sigreg(rng: np.random.Generator) -> None:
    directions = _unit(rng.normal(size=(64, 32))).T
    z = rng.normal(size=(512, 32))
    assert sigreg(z, directions) == pytest.approx(form("sigreg", "floor").value(), rel=0.15)
    origin = sigreg(0 * z, directions)
    assert origin == pytest.approx(form("sigreg", "collapse").value(batch_size=512))


def test_masked_targets(rng: np.random.Generator) -> None:
    patches = rng.uniform(size=(100, 48))
    centred = patches - patches.mean(1, keepdims=True)
    normalised = centred / np.sqrt(patches.var(1, ddof=1, keepdims=True))
    assert (normalised**2).mean() == pytest.approx(form("mae", "chance").value(dim=48))
    x = rng.normal(size=10**6)
    assert smooth_l1(x) == pytest.approx(form("i_jepa", "chance").value(), abs=0.002)
    unrelated = form("i_jepa.unrelated", "chance").value()
    assert smooth_l1(np.sqrt(2) * x) == pytest.approx(unrelated, abs=0.003)
    assert np.abs(x).mean() == pytest.approx(form("v_jepa", "chance").value(), abs=0.002)
