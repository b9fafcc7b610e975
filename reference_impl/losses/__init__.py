"""Numerics that several methods share: softmax in tiles, Gram energies, large batches."""
