"""Reach a server: its address, its key, the way to it, and what its errors say; for all who ask one."""
