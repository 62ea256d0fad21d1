"""Real servers: provision, supervise, protect, reap.

What a run starts belongs to that run: a directory with a lock, processes in their own groups,
and a watchdog that outlives the owner by the seconds it takes to clean up. Nothing of anybody
else's is touched: not by name, not by process id alone, not by address.

This is the one package that may use ``subprocess``, sleep and signal processes.
"""
