"""Everything that a training holds, built from its spec, saved and restored as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from kb.errors import InputUnreadable, UsageError
from reference_impl import data, encoders, registry
from reference_impl.augment import default_policy, policy_set
from reference_impl.data import Images, Order
from reference_impl.distributed import rank, world
from reference_impl.method import Batch, Method, Preset
from reference_impl.optim import Schedule, build_optimizer
from reference_impl.train import hardware, randomness
from reference_impl.train.spec import RunSpec, settings, settled, total_steps, warmup_steps
from reference_impl.train.update import Updater
from reference_impl.train.views import Views, small_multiple


@dataclass
class Session:
    """A training between two updates. `done` counts the updates made."""

    spec: RunSpec
    preset: Preset
    device: str
    images: Images
    order: Order
    views: Views
    updater: Updater
    settings: Mapping[str, Any]
    done: int = 0

    @classmethod
    def start(cls, spec: RunSpec, device: str) -> Session:
        """Return the training before its first update. Weights depend on the seed alone."""
        _check_graph(spec, device)
        preset = settled(spec)
        recipe = preset.recipe
        images = data.load(spec.data, device, side=spec.side, images=spec.images, seed=0)
        order = Order(len(images.train), recipe.batch_size, spec.seed)
        steps = total_steps(spec, recipe, order.steps_per_epoch)
        schedule = Schedule.from_recipe(
            recipe, steps, warmup=warmup_steps(spec, recipe, order.steps_per_epoch)
        )
        method = _method(spec, preset, images).to(device)
        randomness.part_processes(spec.seed)
        if spec.channels_last:
            method = method.to(memory_format=torch.channels_last)
        forward = _for_processes(method, spec, device)
        if spec.compile != "no":
            # Child by child: what a method does around its networks stays plain Python.
            for child in method.children():
                child.compile(mode=None if spec.compile == "default" else spec.compile)
        policy = spec.augment or default_policy(images.name, images.side)
        views = Views(
            images,
            method.plan,
            policy_set(policy, spec.augment_set),
            randomness.view_generator(spec.seed, device),
            spec.channels_last,
            small_multiple(method.encoder),
        )
        updater = Updater(
            method=method,
            forward=forward,
            optimizer=build_optimizer(method, recipe, schedule.lr(0)),
            scaler=hardware.scaler(spec.precision, device),
            schedule=schedule,
            grad_clip=recipe.grad_clip,
            grad_clip_scope=recipe.grad_clip_scope,
            precision=spec.precision,
            device=device,
            cuda_graph=spec.cuda_graph,
        )
        told = settings(
            spec,
            preset,
            schedule,
            steps_per_epoch=order.steps_per_epoch,
            dataset_size=len(images.train),
            augment=policy,
        )
        return cls(spec, preset, device, images, order, views, updater, told)

    @property
    def steps(self) -> int:
        """How many updates the training has."""
        return self.updater.schedule.total

    @property
    def method(self) -> Method:
        return self.updater.method

    def batches(self) -> Iterator[tuple[Batch, ...]]:
        """Yield the parts of each update's batch that this process has to do."""
        accum = self.spec.accum
        while self.done < self.steps:
            rows = self.order.rows(self.done).view(accum, world(), -1)[:, rank()]
            yield tuple(self.views.batch(part) for part in rows)

    def state(self) -> dict[str, Any]:
        """Return every state of all processes, to be saved by the first."""
        own = randomness.random_state(self.views.generator)
        random: list[Any] = [own]
        if world() > 1:
            random = [None] * world()
            dist.all_gather_object(random, own)
        return {
            "settings": dict(self.settings),
            "done": self.done,
            "method": self.method.state_dict(),
            "optimizer": self.updater.optimizer.state_dict(),
            "scaler": self.updater.scaler.state_dict(),
            "random": random,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` returned; the settings were compared before."""
        try:
            self.method.load_state_dict(state["method"])
            self.updater.optimizer.load_state_dict(state["optimizer"])
            self.updater.scaler.load_state_dict(state["scaler"])
            randomness.restore_random_state(state["random"][rank()], self.views.generator)
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputUnreadable(
                f"a checkpoint that does not fit this training: {first}",
                where=str(self.spec.out),
                hint="it is another version's or damaged: train into another folder",
            ) from error
        self.done = state["done"]


def _check_graph(spec: RunSpec, device: str) -> None:
    if not spec.cuda_graph:
        return
    if not registry.get(spec.method).cls.capturable:
        raise UsageError(
            f"{spec.method} cannot run as a CUDA graph: its step depends on Python state or waits "
            "for the device",
            hint="train without cuda_graph",
        )
    if world() > 1 or not device.startswith("cuda"):
        raise UsageError("a CUDA graph needs one process on a CUDA device", where=device)


def _method(spec: RunSpec, preset: Preset, images: Images) -> Method:
    randomness.seed_everything(spec.seed)
    entry = registry.get(spec.method)
    try:
        encoder = encoders.build(spec.encoder_name, images.channels, images.side)
        return entry.cls(encoder, preset.config)
    except (TypeError, ValueError) as error:
        # A masked method was given a network without patches, or patches do not fit the images.
        raise UsageError(
            str(error),
            where=f"{entry.name} with encoder {spec.encoder_name}, images of {images.side} pixels",
            hint="choose another encoder, side, preset or config",
        ) from error


def _for_processes(method: Method, spec: RunSpec, device: str) -> nn.Module:
    if world() == 1:
        return method
    if spec.sync_batchnorm:
        if not device.startswith("cuda"):
            raise UsageError("synchronised BatchNorm needs CUDA devices", where=device)
        method = nn.SyncBatchNorm.convert_sync_batchnorm(method)
    ids = [torch.device(device).index] if device.startswith("cuda") else None
    return nn.parallel.DistributedDataParallel(method, device_ids=ids)
