"""A listing is complete or it is not made, whatever happens between two of its pages."""

from collections.abc import Callable, Generator, Sequence
from random import Random

import pytest

from provisioner.cloud.exchange import Answered, Happened
from provisioner.cloud.inventory import MAX_PASSES, PAGE_SIZE, Inventory
from provisioner.cloud.wire.actions import Call
from provisioner.errors import ApiError

OFFLINE = 202


class Project:
    """Real-time tasks, newest first. Tasks of one second stand in the order of their ranks."""

    def __init__(self, made: dict[str, int]) -> None:
        self.made = dict(made)
        """Task -> the second it was made in."""

        self.rank: dict[str, float] = dict.fromkeys(made, 0.0)
        self.total: Callable[[int], int | None] = lambda count: count
        self.before_page: Callable[[int, int], None] = lambda _page, _size: None
        self.shuffle: Callable[[list[int]], None] = lambda _order: None
        self.sizes: list[int] = []
        self.passes = 0

    def ask(self, call: Call) -> Happened:
        page, size = call.parameters["PageNumber"], call.parameters["PageSize"]
        assert isinstance(page, int)
        assert isinstance(size, int)
        if call.parameters["TaskType"] == OFFLINE:
            return Answered(response={"TaskInfoSet": [], "TotalCount": 0}, server_time=1)
        self.passes += page == 1
        self.sizes.append(size)
        self.before_page(page, size)
        order = sorted(self.made, key=lambda name: (-self.made[name], self.rank[name]))
        shown = [
            {"TaskId": name, "CreateTime": f"2026-01-01 00:{self.made[name]:06}"}
            for name in order[(page - 1) * size : page * size]
        ]
        return Answered(response={"TaskInfoSet": shown, "TotalCount": self.total(len(order))}, server_time=1)

    def ask_all(self, calls: Sequence[Call]) -> Generator[Happened, None, None]:
        """Several pages, which the service reads in any order."""
        order = list(range(len(calls)))
        self.shuffle(order)
        answers = {index: self.ask(calls[index]) for index in order}
        yield from (answers[index] for index in sorted(order))

    def add(self, name: str) -> None:
        """Make a task, later than every other."""
        self.made[name] = 1 + max(self.made.values(), default=0)
        self.rank[name] = 0.0

    def listed(self, *, largest: int = PAGE_SIZE) -> set[str]:
        def error_of(action: str, _happened: Happened) -> ApiError:
            return ApiError(action)

        inventory = Inventory("1", ask=self.ask_all, error_of=error_of)
        inventory._largest = largest
        return {task.task_id for task in inventory.listing().tasks}


def of_one_second(count: int) -> Project:
    project = Project({f"t{number:03}": 0 for number in range(count)})
    project.rank = {name: index for index, name in enumerate(project.made)}
    return project


def swap(project: Project, one: str, other: str) -> None:
    ranks = project.rank
    ranks[one], ranks[other] = ranks[other], ranks[one]


def test_a_hole_that_every_pass_has_is_never_handed_out() -> None:
    """On every page but the first, the first task and another of its second have changed places."""
    project = of_one_second(150)

    def before_page(page: int, _size: int) -> None:
        project.rank["t000"], project.rank["t120"] = (120, 0) if page > 1 else (0, 120)

    project.before_page = before_page
    with pytest.raises(ApiError, match="does not settle"):
        project.listed()
    assert project.passes == MAX_PASSES


def test_tasks_of_one_second_at_the_end_of_a_page_are_found_in_other_pages() -> None:
    """The second pass ends its pages elsewhere, and then both together showed every task."""
    project = Project({f"t{number:03}": 150 - number for number in range(150)})
    project.made["t100"] = project.made["t099"]
    project.before_page = lambda _page, _size: swap(project, "t099", "t100")
    project.rank["t100"] = 1.0
    assert project.listed() == set(project.made)
    assert project.passes == 2
    assert project.sizes == [100, 100, 100, 90, 90]


def test_passes_that_complete_each_other_are_enough() -> None:
    """Each of them has a hole, and none of them the same."""
    project = of_one_second(30)

    def before_page(page: int, size: int) -> None:
        """Page 2 shows one of page 1 again: which one depends on the size of the pages."""
        project.rank = {name: index for index, name in enumerate(sorted(project.made))}
        if page > 1:
            swap(project, "t000", f"t{size + 9:03}")

    project.before_page = before_page
    assert project.listed(largest=20) == set(project.made)
    assert project.passes == 2


def test_a_task_made_between_passes_does_not_fill_the_hole_of_another() -> None:
    """One is made, one is deleted, one stays hidden: the numbers fit, and yet it is no listing."""
    project = of_one_second(15)
    project.made = dict.fromkeys(project.made, 5)

    def before_page(page: int, size: int) -> None:
        if (page, size) == (1, 9):
            project.add("new")
            del project.made["t001"]
        first = [name for name in sorted(project.made) if name not in ("new", "t014")]
        order = [*first, "t014"] if page == 1 else ["t014", *first]
        project.rank = {"new": 0, **{name: index for index, name in enumerate(order)}}

    project.before_page = before_page
    with pytest.raises(ApiError, match="does not settle"):
        project.listed(largest=10)


@pytest.mark.parametrize("total", [None, 40], ids=["none", "of something else"])
def test_without_a_number_two_passes_have_to_agree(total: int | None) -> None:
    """One that shows each task once is not enough: a deleted one may hide another."""
    project = Project({f"t{number:03}": 30 - number for number in range(30)})
    project.total = lambda _count: total

    def before_page(page: int, size: int) -> None:
        if (page, size) == (2, 10):
            project.made.pop("t000", None)

    project.before_page = before_page
    assert project.listed(largest=10) == {f"t{number:03}" for number in range(30)}
    assert project.passes == 3


@pytest.mark.parametrize("total", [None, 29], ids=["none", "as many as were seen"])
def test_a_task_that_is_shown_twice_spoils_its_pass(total: int | None) -> None:
    """However often the passes are alike, and whatever number they are measured by."""
    project = of_one_second(30)
    project.total = lambda _count: total

    def before_page(page: int, _size: int) -> None:
        project.rank["t000"], project.rank["t029"] = (29, 0) if page > 1 else (0, 29)

    project.before_page = before_page
    with pytest.raises(ApiError, match="does not settle"):
        project.listed(largest=10)


def unrest(project: Project, random: Random) -> Callable[[int, int], None]:
    """Something that may happen before each page: tasks are made, deleted, and change places."""
    ties, deletions, creations = (random.choice([0.0, 0.1, 0.3]) for _ in range(3))

    def before_page(_page: int, _size: int) -> None:
        if len(project.sizes) == 1:
            return
        gone = random.sample(sorted(project.made), min(len(project.made), random.randint(1, 2)))
        count = len(gone) if random.random() < deletions else 0
        for name in gone[:count]:
            del project.made[name]
        if random.random() < creations or (creations and count):
            # As many as were deleted: then TotalCount does not show it.
            for _ in range(count or 1):
                project.add(f"n{len(project.rank)}")
        if random.random() < ties:
            project.rank = {name: random.random() for name in project.rank}

    return before_page


@pytest.mark.parametrize("seed", range(10))
def test_what_was_there_all_the_time_is_in_every_listing(seed: int) -> None:
    """Whatever else happened between the pages; a listing may fail, but not often where nothing happened."""
    listed = 0
    for number in range(300):
        random = Random(f"{seed} {number}")
        seconds = random.choice([1, 3, 10, 50])
        project = Project({f"t{one}": random.randrange(seconds) for one in range(random.randint(0, 35))})
        project.total = random.choice([lambda count: count, lambda _count: None, lambda count: count + 3])
        project.shuffle = random.choice([lambda _order: None, random.shuffle])
        before, project.before_page = set(project.made), unrest(project, random)
        try:
            shown = project.listed(largest=random.choice([3, 10]))
        except ApiError:
            continue
        listed += 1
        assert before & set(project.made) <= shown, f"seed {seed} {number}"
    assert listed > 100
