"""Pure functions on numbers: quantiles, intervals, slopes, histograms.

Standard library only. Nothing here knows of Flask, requests or recordings, and nothing
assumes a normal distribution unless its docstring says so.
"""
