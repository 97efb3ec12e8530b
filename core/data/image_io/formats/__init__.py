"""What untrusted picture files look like inside, read from their bytes before any decoder sees them."""
