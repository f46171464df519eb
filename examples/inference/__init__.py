"""An inference API: a classifier in processes of its own, behind a queue with an end. See README.md."""
