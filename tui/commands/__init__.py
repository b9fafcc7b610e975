"""Commands this room adds to `ssl-doctor`."""
