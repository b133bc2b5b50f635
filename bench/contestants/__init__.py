"""One module a contestant, with a function for each work that it can do.

``work(threads)`` prepares everything that is not to be timed and gives ``check, run, share``: what its results are (see
`bench.work`), a function that does the work once, and which share of the unit that is.
"""
