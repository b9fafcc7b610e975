"""Names for shape annotations: checked under pytest where jaxtyping is installed, else inert.

A GPU node often has torch and nothing more, so this is the one place that knows of jaxtyping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ImportError:

        class _Inert:
            """`Float[Tensor, "batch dim"]` is then just `Tensor`."""

            def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
                return item[0]

        Bool = Float = Int = _Inert

__all__ = ["Bool", "Float", "Int", "Tensor"]
