"""The laboratory: reference methods, faults, remedies and trials; it writes evidence files."""
