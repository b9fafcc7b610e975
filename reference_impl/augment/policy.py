"""How strongly views are augmented, by kind of image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kb.errors import UsageError, nearest
from reference_impl.settings import changed


@dataclass(frozen=True)
class Policy:
    """Ranges of one view's augmentations.

    `crop_area` is the share of the image's area and `crop_ratio` width over height; areas above
    1 show the image smaller, its border repeated. `rotate` is the largest angle in degrees.
    `flip`, `jitter`, `gray`, `blur` and `solarise` are probabilities. `brightness`, `contrast`
    and `saturation` are the largest deviation of a factor from 1, `hue` the largest rotation as
    a share of the full circle. `blur_sigma` is in pixels of a 224-pixel image.
    """

    crop_area: tuple[float, float] = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    rotate: float = 0.0
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    gray: float = 0.2
    blur: float = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise: float = 0.0


@dataclass(frozen=True)
class PolicySet:
    """Policies of the global views, used in turn, of local crops, and of plain views (crop and
    flip) for masked methods. `small_share` is the side of local crops against global ones."""

    views: tuple[Policy, ...]
    small: Policy
    plain: Policy
    small_share: float = 3 / 7


_PLAIN = Policy(crop_area=(0.2, 1.0), jitter=0.0, gray=0.0)
_DIGITS = Policy(
    crop_area=(0.4, 1.2),
    rotate=20.0,
    flip=0.0,
    jitter=0.8,
    brightness=0.4,
    contrast=0.4,
    gray=0.0,
)
_SMALL = Policy(crop_area=(0.2, 1.0))
_PHOTO = Policy(
    brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, blur=0.5, blur_sigma=(0.1, 2.0)
)
_BYOL = replace(_PHOTO, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, blur=1.0)

POLICIES: Mapping[str, PolicySet] = {
    "digits": PolicySet(
        views=(_DIGITS,),
        small=replace(_DIGITS, crop_area=(0.15, 0.4)),
        plain=replace(_DIGITS, jitter=0.0, crop_area=(0.6, 1.1), rotate=10.0),
        small_share=1.0,
    ),
    "small": PolicySet(
        views=(_SMALL,),
        small=replace(_SMALL, crop_area=(0.08, 0.3)),
        plain=_PLAIN,
        small_share=0.5,
    ),
    "photo": PolicySet(
        views=(_PHOTO,), small=replace(_PHOTO, crop_area=(0.05, 0.14)), plain=_PLAIN
    ),
    "byol": PolicySet(
        views=(_BYOL, replace(_BYOL, blur=0.1, solarise=0.2)),
        small=replace(_BYOL, crop_area=(0.05, 0.14), blur=0.5),
        plain=_PLAIN,
    ),
}
"""`digits`: no flips, since a flipped 2 is no digit. `small`: up to 64 pixels, without blur.
`photo`: SimCLR at strength 1 (google-research/simclr at 244e712, data_util.py). `byol`: two
unequal views, one always blurred, the other sometimes solarised, as Barlow Twins has them too
(facebookresearch/barlowtwins at 046eec3, main.py)."""


def default_policy(data: str, side: int) -> str:
    """Return the name of the policies for a data set with images of `side` pixels."""
    if data in {"mnist", "digits"}:
        return "digits"
    return "small" if side <= 64 else "photo"


def policy_set(name: str, changes: Mapping[str, object]) -> PolicySet:
    """Return the policies `name` with fields of the global views replaced by `changes`.

    UsageError for a name or a field that does not exist, and for values that do not fit.
    """
    if name not in POLICIES:
        raise UsageError(
            f'there is no augmentation "{name}"{nearest(name, POLICIES)}',
            hint=f"there are {', '.join(POLICIES)}",
        )
    chosen = POLICIES[name]
    views = tuple(changed(one, changes, "an augmentation") for one in chosen.views)
    return replace(chosen, views=views)
