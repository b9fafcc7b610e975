"""The terminal UI: Textual screens over `assistant`, and nothing the command line lacks."""
