"""Simulated training runs, healthy and faulty, for fitting and testing the diagnosis.

Parameter ranges and their reasons are in README.md beside this file. Parts, in the order in
which they build a run: setting (methods, config, clock), states (what is true of the training;
`faults/` change these), levels and losses (the loss in the run's closed forms), metrics, and
selection (what is logged). `generate` puts them together, `writers/` puts runs on disk.
"""

from benchmarks.simulated.faults import FAULTS
from benchmarks.simulated.generate import Simulated, faulty, healthy, twin

__all__ = ["FAULTS", "Simulated", "faulty", "healthy", "twin"]
