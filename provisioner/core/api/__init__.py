"""The task API as a port: calls, replies, the protocol, and signatures."""
