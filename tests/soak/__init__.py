"""The soak test: one application under mixed traffic, and a verdict on how it bore it.

`application` is what is served, `clients` are those who visit it, one function for each kind;
`load` keeps them visiting, `control` asks small questions from a process of its own, `samples` looks
at the serving process, `run` puts these together, and `verdict` says what was not met.
"""
