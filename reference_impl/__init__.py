"""The laboratory: reference methods, faults, remedies and trials. Writes evidence, answers nothing."""
