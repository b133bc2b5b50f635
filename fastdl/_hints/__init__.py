"""Errors that say what a mistyped name is called, or what one of other libraries is called here (`known_*`)."""
