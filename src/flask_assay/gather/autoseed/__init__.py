"""Fill the tables of any PostgreSQL schema with plausible rows.

For an app whose owner gives no seed hook: a first report needs data, and data that hides
problems is worse than none. Values follow column names and constraints; foreign keys are skewed,
yet differ among the children of one parent; the order of rows says nothing about their keys.
"""

from flask_assay.gather.autoseed.fill import TableSeeded, fill

__all__ = ["TableSeeded", "fill"]
