"""The order of what a change may mean."""

from provisioner.core.schema.consequence import Consequence, worst


def test_the_worst_comes_first() -> None:
    """In the order in which people are to read them."""
    assert sorted(Consequence, key=lambda one: one.rank) == [
        Consequence.DELETES,
        Consequence.RECREATES,
        Consequence.LOSES_POSITION,
        Consequence.RESTARTS,
        Consequence.HARMLESS,
    ]


def test_one_bad_thing_is_enough() -> None:
    """And where there is nothing, nothing is bad."""
    assert worst([Consequence.HARMLESS, Consequence.LOSES_POSITION, Consequence.RESTARTS]) == (
        Consequence.LOSES_POSITION
    )
    assert worst([]) is Consequence.HARMLESS
