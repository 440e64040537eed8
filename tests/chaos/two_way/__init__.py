"""The campaign for two-way targets: people edit a course at three sites while everything around the plugin breaks.

``python -m tests.chaos --two-way --seed 41``. docs/how-tos/prove_it.rst explains it.
"""
