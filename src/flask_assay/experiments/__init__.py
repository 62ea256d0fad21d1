"""Experiments: apply a remedy to a copy of the target, measure, compare the answers.

``prove.py`` turns findings into trials; ``launch.py`` is one measured launch of all arms;
``replay.py`` holds the requests, ``oracle.py`` compares responses, ``estimate.py`` turns
launches into effects. Each change that can be made is one file in ``interventions/``.
"""
