"""The outside world of the engine, in memory. Each fake is a full implementation of its protocol."""
