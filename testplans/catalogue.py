"""MOVED by the lead to fixtures/catalogue.py (fixtures may not import testplans); edit it there. This stub goes away."""

from fixtures.catalogue import *  # noqa: F403
