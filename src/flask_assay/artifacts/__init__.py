"""Derived views of a recording: pure, memoised, one per file, each with a name.

An artifact reads the recording and other artifacts and nothing else. It may not decide
whether a figure is bad: that is an audit's business.
"""
