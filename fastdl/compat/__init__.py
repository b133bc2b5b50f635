"""The articles' modules, name for name, on the compiled core: change the import lines, keep the program.

Everything is float64, one sample at a time, with the articles' shapes. Where a listing contradicts its article's own
equations, the equations win: docs/articles.md lists each place.
"""
