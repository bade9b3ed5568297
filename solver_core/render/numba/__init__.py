"""The renderer's operations compiled for the processor by Numba; the oracle of every other rasteriser.

Parallel loops here only call the function that does one image, row or band: what a parallel loop itself writes into an
array of a named tuple, Numba loses without a word.
"""
