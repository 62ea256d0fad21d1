"""Experiments: apply a remedy to a copy of the target, measure, compare the answers.

``prove.py`` turns findings into trials. ``arms.py`` says which remedies are tried together,
``copies.py`` gives each arm its data, ``launch.py`` is one measured launch of all arms,
``replay.py`` holds the requests, ``oracle.py`` compares responses, ``estimate.py`` turns
launches into effects, ``ladder.py`` puts remedies in order. ``under_load.py`` tries changes of
the server. Each change that can be made is one file in ``interventions/``; ``patches/`` writes
its code, and ``confirm.py`` measures that code.
"""
