"""Train an adapter: rows as a trainer takes them, checkpoints that survive, a log to watch, the trainer itself."""
