"""Verification: is each loss the paper's, and do the method's claims hold in short trainings?

python -m reference_impl.verify [METHOD ...] [--values | --claims] [--device cuda] [--json]

- `case.py`: one loss in one convention, with all that it must satisfy; `cases/`: those of each
  method; `transcriptions/`: the papers' formulas in float64 NumPy, independent of the methods.
- `clouds.py`: inputs whose loss is known; `relations.py`: changes that a loss must ignore or
  notice; `tensors.py`: arrays to tensors of a device and precision, and gradients back.
- `check_values.py` runs `values.py` (against the transcription), `identities.py` (known values,
  relations, other libraries through `peers.py`) and `precision.py` (inputs of 16 bits).
- `protocol.py`: how a claim is tested and when it counts as confirmed or refuted; `arms.py`: short
  trainings, each kept in a cache; `claims.py`: from claims to evidence.
- `evidence.py` writes kb/evidence/methods/<method>.json, with `stamp.py` (where, with what) and
  `code_files.py` (from which code); `report.py`: tables; `run.py`: all of it, for both front doors.
"""
