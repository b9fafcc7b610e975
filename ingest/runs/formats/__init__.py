"""One module per log format; each turns bytes (or a database) into values of a Log."""
