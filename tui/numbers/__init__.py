"""The Numbers screen."""
