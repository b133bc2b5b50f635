"""Text: read, taken apart into characters or words, as numbers, and written by a language model.

`fastdl.datasets` names what reads it and makes numbers of it; `sampling.sample` writes.
"""
