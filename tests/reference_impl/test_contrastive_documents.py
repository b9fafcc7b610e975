"""The code in the method documents computes what the laboratory computes, and their ids exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from kb.topics import topics
from reference_impl import registry
from reference_impl.methods.clip import clip_loss
from reference_impl.methods.moco_v2 import queue_info_nce
from reference_impl.methods.siglip import siglip_loss
from reference_impl.methods.simclr import nt_xent
from reference_impl.methods.supcon import supcon_loss

DOCUMENTS = Path(__file__).parents[2] / "kb" / "methods"
METHODS = {
    "simclr": ("simclr",),
    "supcon": ("supcon",),
    "moco": ("moco_v2", "moco_v3"),
    "clip": ("clip",),
    "siglip": ("siglip",),
}


def text_of(document: str) -> str:
    return (DOCUMENTS / f"{document}.md").read_text(encoding="utf-8")


def names_in(document: str, block: int = 0) -> dict[str, Any]:
    """Run a code block of a document and return what it defines."""
    code = re.findall(r"```python\n(.*?)```", text_of(document), re.DOTALL)[block]
    names: dict[str, Any] = {"torch": torch}
    exec(code, names)
    return names


def views() -> Any:
    return torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(0))


def test_losses_shown_are_the_losses_computed() -> None:
    first, second = views()
    labels = torch.arange(16) % 3
    queue = torch.nn.functional.normalize(torch.randn(40, 8), dim=1)
    log_scale, bias = torch.tensor(2.0), torch.tensor(-4.0)
    pairs = [
        (names_in("simclr")["nt_xent"](first, second), nt_xent(first, second)),
        (names_in("supcon")["supcon"](first, second, labels), supcon_loss(first, second, labels)),
        (names_in("moco")["moco_loss"](first, second, queue), queue_info_nce(first, second, queue)),
        (
            names_in("clip")["clip_loss"](first, second, log_scale),
            clip_loss(first, second, log_scale.exp()),
        ),
        (
            names_in("siglip")["siglip_loss"](first, second, log_scale, bias),
            siglip_loss(first, second, log_scale.exp(), bias),
        ),
    ]
    for shown, computed in pairs:
        torch.testing.assert_close(shown, computed)


def test_the_queue_shown_wraps_around() -> None:
    key, online = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    queue, keys = torch.zeros(8, 3), torch.ones(4, 3)
    assert names_in("moco", 1)["after_update"](online, key, queue, 6, keys, m=0.5) == 2
    assert queue.sum(1).tolist() == [3, 3, 0, 0, 0, 0, 3, 3]


@pytest.mark.parametrize("document", METHODS)
def test_every_claim_is_in_its_document(document: str) -> None:
    text = text_of(document)
    for method in METHODS[document]:
        missing = [each.id for each in registry.get(method).claims if f"`{each.id}`" not in text]
        assert missing == []


@pytest.mark.parametrize("document", METHODS)
def test_topics_that_a_document_or_a_claim_names_exist(document: str) -> None:
    named = re.findall(r"`([a-z]+/[a-z0-9-]+)`", text_of(document))
    for method in METHODS[document]:
        named += [entry for claim in registry.get(method).claims for entry in claim.entries]
    assert [each for each in named if each not in topics()] == []
