"""What fixtures hand out; a file each."""
