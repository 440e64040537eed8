"""Tests of single modules. Most need no database, and none needs a service."""
