"""Checks of what comes in, so that every error names the argument, what was expected and what came."""
