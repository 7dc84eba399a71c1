"""MOVED by the lead to fixtures/schema.py (fixtures may not import testplans); edit it there. This stub goes away."""

from fixtures.schema import *  # noqa: F403
