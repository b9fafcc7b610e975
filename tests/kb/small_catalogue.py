"""A catalogue of one sound entry, written to a folder, with faults planted on request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kb.catalogue import Catalogue
from kb.evidence import Reference

PATH = "catalogue/collapse/complete.md"
CASES_PATH = "catalogue/collapse/complete.cases.yaml"

ENTRY = """\
---
id: collapse/complete
title: Every picture gets the same vector
family: collapse
methods: [simclr, byol]
aliases: [post-mortem#3]
status: documented
signature: >-
  z_std.last * sqrt(dim) < 0.1
  and not temperature > 5
metrics: [loss, z_std]
corrects:
  - claim: "A falling loss proves learning."
    truth: "The minimum of several losses is a constant output."
fixes:
  - id: check-the-spread
    title: Look at the spread first
    change: {}
    unless: defined(z_std)
    cost: live
  - id: lower-the-lr
    title: Lower the learning rate
    change: {lr: "= lr / 10", precision: fp32}
    unless: null
    cost: restart
references:
  - arxiv:2105.04906
  - gh:owner/repo#12
---
# Every picture gets the same vector

## Symptoms

- The spread is 0.
- Accuracy stays where `z_std`
  was [before](https://example.org/a_(b)).

## Why it happens

One constant **answers** every question.

```python
z = constant

x = z
```

That is all *there is* to it.

## Suggested next steps

1. **Look at the spread first.** Log it.
   ```python
   z.std()
   ```
2. **Lower the learning rate.** By ten.

   Then wait.

These two are enough.

## Tell it apart

- `collapse/dimensional`: the rank, which
  is above 1.

## False alarms

- A short dip.

## References

- `arxiv:2105.04906`: the variance term.
- `gh:owner/repo#12`: a run that did it.
"""

CASES = """\
phrasings:
  - "all vectors became identical"
  - "std of the embeddings fell to zero"
  - "cosine of any two pictures is one"
  - "my encoder ignores its input"
  - "constant output whatever I feed"
  - "the network maps everything to a point"
  - "features carry no information"
  - "every row of z is equal"
queries:
  - "why are my representations all alike"
  - "embedding variance vanished at epoch 3"
  - "nearest neighbours look random, distances are tiny"
  - "it predicts one thing for everything"
fires:
  - name: flat
    config: {method: simclr, dim: 128, temperature: 0.5}
    metrics: {z_std: [0.01, 1e-3, 1e-5]}
silent:
  - name: healthy
    config: {method: simclr, dim: 128, temperature: 0.5}
    metrics: {z_std: 0.088}
"""

REFERENCES: Mapping[str, Reference] = {
    name: Reference(name, "A title", "https://example.org", "2025-01-01", "what it supports")
    for name in ("arxiv:2105.04906", "gh:owner/repo#12")
}


def write(folder: Path, entry: str = ENTRY, cases: str | None = CASES, path: str = PATH) -> Path:
    """Write the entry, and its cases unless None, below `folder`; return the entry's path."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(entry, encoding="utf-8")
    if cases is not None:
        target.with_suffix(".cases.yaml").write_text(cases, encoding="utf-8")
    return target


def catalogue(folder: Path) -> Catalogue:
    """Read what was written below `folder`."""
    return Catalogue.from_paths(sorted(folder.glob("catalogue/*/*.md")), root=folder)


def replaced(text: str, old: str, new: str) -> str:
    """Return `text` with its only `old` replaced, so that a fault cannot miss its place."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    return text.replace(old, new)
