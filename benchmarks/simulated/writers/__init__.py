"""Simulated runs on disk, in the formats and under the names that real loggers use.

rows     a run as rows in log order
names    what each logger calls metrics and settings
text     CSV, JSON lines, log.txt, console meters, trainer_state.json
events   TensorBoard event files
corpus   a directory of runs with truth.jsonl
"""

from benchmarks.simulated.writers.corpus import FORMATS, write_corpus

__all__ = ["FORMATS", "write_corpus"]
