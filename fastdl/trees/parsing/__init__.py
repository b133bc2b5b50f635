"""Parsing by merging neighbours, and its training by a margin (article 7; Socher et al. 2011)."""

from .baselines import balanced, right_branching
from .scores import bracket_f1
from .search import parse
from .training import fit_parser

__all__ = ["balanced", "bracket_f1", "fit_parser", "parse", "right_branching"]
