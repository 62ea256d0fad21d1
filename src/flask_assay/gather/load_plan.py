"""Decide what the load is: the user's locustfile, else journeys derived from the routes."""
