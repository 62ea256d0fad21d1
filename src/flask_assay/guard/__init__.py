"""What the app may reach, and what load may be put on."""
