"""Tests of the checks: each kind of finding, its repair, and what receivers hold."""
