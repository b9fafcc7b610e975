"""The monitor: two lines in anyone's training loop, and `ssl-doctor watch` can judge the run.

>>> from reference_impl.monitor import Monitor
>>> monitor = Monitor("runs/exp7", config={"method": "simclr", "batch_size": 256})  # doctest: +SKIP
>>> monitor.observe(loss, h=features, z=(z1, z2), model=model)  # doctest: +SKIP

`metrics.py` has the metrics as pure functions, `sample.py` what is taken from a step,
`log.py` writes it, `monitor.py` decides when. `lightning.py` and `huggingface.py` are callbacks
with one base, `callback.py`; each needs its own extra and is imported by nothing here.
"""

from __future__ import annotations

from reference_impl.monitor.monitor import Monitor

__all__ = ["Monitor"]
