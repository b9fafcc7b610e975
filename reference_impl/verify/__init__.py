"""Verification: is each loss the paper's, and do the method's claims hold in short trainings?

python -m reference_impl.verify [METHOD ...] [--values | --claims] [--device cuda] [--json]

transcriptions/   the papers' formulas in float64 NumPy, independent of the methods
case.py           one loss in one convention, with all that it must satisfy
cases/            the cases of each method
clouds.py         inputs whose loss is known: collapsed, unrelated, ideally spread
values.py         value and gradient against the transcription
identities.py     known values, symmetries, other libraries
precision.py      what fp16 and bf16 inputs do
peers.py          `lightly`, where it is installed
protocol.py       when a claim counts as confirmed or refuted
arms.py           short trainings, each kept in a cache
claims.py         the claims of a method, arm by arm and seed by seed
evidence.py       writes kb/evidence/methods/<method>.json
report.py         the tables
run.py            everything in order, for both front doors
"""
