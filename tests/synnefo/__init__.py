"""The smallest honest servers that speak Synnefo's Pithos and Astakos, for tests.

Real HTTP, real block hashing, rights, versions and tokens; what they answer is held to recordings
of the real servers by tests/golden/synnefo.py. They forget everything when they end. Standard
library only; Python 3.11.
"""
