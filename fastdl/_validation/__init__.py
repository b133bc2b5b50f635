"""Checks of arguments: every error names the argument, what was expected and what was received."""
