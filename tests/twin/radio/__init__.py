"""Radio methods ① to ④ of the twin, each node by its frames and its doings."""
