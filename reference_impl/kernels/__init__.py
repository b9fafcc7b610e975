"""Fused GPU kernels, imported only where Triton and a CUDA device exist; nothing needs them."""
