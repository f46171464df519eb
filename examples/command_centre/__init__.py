"""A command centre for thousands of devices that stay connected. See README.md."""
