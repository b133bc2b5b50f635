"""The articles' modules, name for name, on the compiled core: change the import lines, keep the program.

Everything is float64, one sample at a time, with the articles' shapes. Whatever a program overrides, replaces or adds
is used. Where a listing contradicts its article's equations, the equations win: docs/articles.md lists each place.
"""
