"""What a test may use beside the database; each starts when it is asked for."""
