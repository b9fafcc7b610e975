"""The Fixes screen."""
