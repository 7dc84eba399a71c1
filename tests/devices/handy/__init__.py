"""Tests of the handy terminal."""
