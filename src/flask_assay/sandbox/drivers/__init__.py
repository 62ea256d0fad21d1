"""The two drivers: how a logical connection looks to psycopg2 and to psycopg 3."""
