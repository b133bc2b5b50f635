"""Text: its reader, its characters or words as numbers, and text that a language model writes.

`fastdl.datasets` has the public names of the reader, the vocabulary and the windows; `sampling.sample` writes.
"""
