"""A campaign that breaks everything around the plugin while courses are published, and counts what was lost.

``python -m tests.chaos --seed 7``. docs/how-tos/prove_it.rst explains it.
"""
