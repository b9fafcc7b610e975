"""The laboratory's commands; they import torch only when run."""
