"""A live dashboard: devices push readings, browsers watch them. See README.md."""
