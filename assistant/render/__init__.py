"""An Answer as text, one form a file."""
