"""How a problem is written, and in which order problems come."""

from provisioner.core.manifest.problem import Problem, ProblemsFoundError, Severity
from provisioner.core.source import Source


def test_problem_is_one_line_with_its_place() -> None:
    assert str(Problem(Source("a.yaml", 3, 5), "is wrong")) == "a.yaml:3:5: is wrong"
    assert str(Problem(Source("a.yaml"), "is wrong")) == "a.yaml: is wrong"


def test_warning_says_that_it_is_one() -> None:
    problem = Problem(Source("a.yaml", 3, 5), "is odd", Severity.WARNING)
    assert str(problem) == "a.yaml:3:5: warning: is odd"


def test_nothing_in_a_problem_moves_the_cursor() -> None:
    problem = Problem(Source("\x1b[2J\udcff.yaml", 1, 1), "has\na \u202e name")
    assert str(problem) == "\\x1b[2J\\udcff.yaml:1:1: has\\na \\u202e name"


def test_problems_are_ordered_by_place_then_text() -> None:
    ordered = [
        Problem(Source("a.yaml"), "z"),
        Problem(Source("a.yaml", 2, 10), "a"),
        Problem(Source("a.yaml", 10, 1), "a"),
        Problem(Source("a.yaml", 10, 1), "b", Severity.WARNING),
        Problem(Source("a.yaml", 10, 2), "a"),
        Problem(Source("b.yaml", 1, 1), "a"),
    ]
    assert sorted([*ordered[3:], *ordered[:3]]) == ordered


def test_problems_travel_as_an_error() -> None:
    problem = Problem(Source("a.yaml"), "is wrong")
    assert ProblemsFoundError((problem,)).problems == (problem,)
