"""Which patches of an image are hidden: drawn for a whole batch, on the CPU."""
