import acme_forgotten_dependency  # noqa: F401 (it is nowhere: that is what is broken here)
