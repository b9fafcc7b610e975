"""Outputs of named submodules, caught by forward hooks: how callbacks see a model they did not
write."""

from __future__ import annotations

from typing import Any

from torch import nn

from kb.errors import UsageError, nearest
from reference_impl.shapes import Tensor

MOST = 8
"""Outputs of one step that are kept: two views, and what multi-crop methods have."""


class Capture:
    """Keeps what the submodules `names` returned since the last `take`, detached.

    Raises UsageError for a name that the model has not got.
    """

    def __init__(self, model: nn.Module, names: dict[str, str]) -> None:
        modules = dict(model.named_modules())
        for role, name in names.items():
            if name not in modules:
                raise UsageError(
                    f'the model has no submodule "{name}"{nearest(name, modules)}',
                    where=role,
                    hint="model.named_modules() lists them",
                )
        self._caught: dict[str, list[Tensor]] = {role: [] for role in names}
        self._hooks = [
            modules[name].register_forward_hook(self._hook(role)) for role, name in names.items()
        ]

    def _hook(self, role: str) -> Any:
        def keep(module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = _tensor_of(output)
            if module.training and tensor is not None and len(self._caught[role]) < MOST:
                self._caught[role].append(tensor.detach())

        return keep

    def take(self) -> dict[str, tuple[Tensor, ...]]:
        """Return the outputs by role, in the order of the calls, and forget them."""
        taken = {role: tuple(outputs) for role, outputs in self._caught.items()}
        for outputs in self._caught.values():
            outputs.clear()
        return taken

    def remove(self) -> None:
        """Take the hooks off the model."""
        for hook in self._hooks:
            hook.remove()


def _tensor_of(output: Any) -> Tensor | None:
    """Return the tensor of an output: itself, the first of a sequence, or the last hidden state
    that Hugging Face models return, pooled where there is a pooled one."""
    if isinstance(output, Tensor):
        return output
    for name in ("pooler_output", "last_hidden_state"):
        if isinstance(value := getattr(output, name, None), Tensor):
            return value if value.dim() == 2 else value[:, 0]
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    return None
