"""A chat server: rooms, presence, a history, and browsers that reconnect. See README.md."""
