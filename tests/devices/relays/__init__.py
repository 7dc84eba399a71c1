"""Tests of what hangs on relays: keys, outages, pulses."""
