"""Limited function nodes of the twin's mesh."""
