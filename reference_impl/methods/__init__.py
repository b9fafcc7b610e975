"""One file a method: config, presets, pure losses, the step, and its claims.

Nothing shared lives here: numerics are in `losses/`, heads in `heads.py`, and no method imports
another. Names and classes are listed in `reference_impl.registry`.
"""
