"""The laboratory: reference methods, what verifies them, a trainer, and the monitor.

- `method.py`: what a method is; `methods/`: one file each, no one imports another; `registry.py`;
  `settings.py`: how a user's changes of settings are checked.
- `losses/`: numerics that methods share; `kernels/`: the same in Triton. `distributed.py`: one
  differentiable gather. `heads.py`, `prototypes.py`, `masks/`, `ema.py`, `encoders/`. `files.py`:
  files that a crash leaves whole.
- `data/`, `augment/`: images and views, on the device. `optim/`, `train/`, `probes/`.
- `verify/`: losses against transcriptions of their papers, claims against short trainings; it
  writes `kb/evidence/methods/`.
- `monitor/`: two lines in anyone's loop (docs/monitor.md).

It imports `kb` alone, and nothing imports it: no query needs torch. It runs with torch, numpy and
PyYAML alone, as a GPU node has them; whatever else is used is imported inside a function.
"""
