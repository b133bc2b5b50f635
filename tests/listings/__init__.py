"""The articles' algorithms, step by step in plain Python: what a program that changes a step has to get.

Names, steps and their order are the listings'; the arithmetic is that of the articles' equations where a listing
contradicts them.
"""
