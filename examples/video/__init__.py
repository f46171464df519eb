"""A video streamer: a library, a player that seeks, uploads of any size. See README.md."""
