"""One command a file. Thin: each parses its options, calls the engine, prints what it returns."""
