"""The order of effects: settle what is open, look at the remote, carry out a plan.

*No task is ever created twice and no TaskId is ever lost.* Nothing here touches disk, network or
clock; those come in through the protocols in ``ports``.
"""
