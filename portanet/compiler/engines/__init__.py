"""Engines: graphs made into plans, one folder for each way to run them."""
