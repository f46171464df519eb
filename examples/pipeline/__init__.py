"""A media pipeline: what is uploaded comes back transformed, while it arrives. See README.md."""
