"""A complete listing of a project, or none.

Rule: "it is not in the listing" closes an attempt for good (create protocol), so a listing that may
have a hole is never handed out. The service's pages are not a snapshot: a task made or deleted while
they are read moves every later one, and tasks of the same second (CreateTime has no finer grain) may
stand in another order on every page. Either way one is shown twice or skipped, and a second pass over
the same pages may skip the same one. So:

* A pass that showed no task twice, and as many as there are said to be, is complete by itself.
* Else another pass is made in pages of another size, so that what fell between two pages does so no
  more. All passes together are complete when the number of tasks never changed, nothing was made in
  between, and they showed exactly that many.
* Where the service gives no number, or one that counts something else, two passes after each other
  must show the same tasks, none of them twice.
* Nothing else is complete, and then there is no listing. What any pass showed is in it, though.

That is about pages that are read in their order. First they are read several at a time, once the first has
said how many there are, and that counts only if nothing happened meanwhile: the pass is complete, and the
first page, read once more, shows the same tasks and the same number. New tasks come first, so none was made
that is still there; with the number the same at every page, none was deleted either. Else all begins anew,
in order.

The largest PageSize is not documented. A page that is refused, is too large or comes back short
makes the pages smaller, once.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from provisioner.cloud.exchange import Answered, Failed, Happened, Unusable, family
from provisioner.cloud.wire.actions import LIST, Call, Filters
from provisioner.cloud.wire.replies import Page, list_reply, unusable
from provisioner.cloud.wire.requests import list_call
from provisioner.core.address import TaskId
from provisioner.core.api.replies import Listing, RemoteTask
from provisioner.core.task_types import OFFLINE, REAL_TIME
from provisioner.errors import ApiError

PAGE_SIZE = 100
SMALL_PAGE_SIZE = 10
MAX_PAGES = 10_000
MAX_PASSES = 6
_MAX_PAGES_WITHOUT_NEWS = 3

_TOO_MUCH = frozenset({"InvalidParameter", "InvalidParameterValue", "ResponseSizeLimitExceeded"})


@dataclass(slots=True)
class _Pass:
    """One walk over all pages of one TaskType."""

    seen: set[TaskId] = field(default_factory=set)
    shown: int = 0
    """How many tasks were shown, one that was shown twice counted twice."""

    totals: set[int | None] = field(default_factory=set)
    """Every TotalCount that was said."""

    newest: str = ""
    """CreateTime of the first task: the listing is in order of it."""

    pages_without_news: int = 0

    first_page: tuple[TaskId, ...] = ()

    is_in_order: bool = True
    """Whether no page was read before the one that it comes after."""

    def add(self, page: Page) -> None:
        if page.tasks and not self.shown:
            self.newest = page.tasks[0].create_time
            self.first_page = _ids(page)
        news = {task.task_id for task in page.tasks} - self.seen
        self.pages_without_news = 0 if news else self.pages_without_news + 1
        self.seen |= news
        self.shown += len(page.tasks)
        self.totals.add(page.total)

    @property
    def has_repeated(self) -> bool:
        """Whether a task was shown twice, and so another may have been skipped."""
        return len(self.seen) < self.shown

    @property
    def is_complete(self) -> bool:
        """Whether each was shown once, and as many as there are said to be all the while."""
        return not self.has_repeated and self.totals == {len(self.seen)}


def _ids(page: Page) -> tuple[TaskId, ...]:
    return tuple(task.task_id for task in page.tasks)


def _are_complete(passes: Sequence[_Pass]) -> bool:
    """Whether these passes over one TaskType, in their order, leave nothing out."""
    return passes[-1].is_complete or _complete_each_other(passes) or _agree(passes[-2:])


def _complete_each_other(passes: Sequence[_Pass]) -> bool:
    """Whether all of them together showed each of tasks that stayed the same."""
    seen = set[TaskId]().union(*(one.seen for one in passes))
    return (
        all(one.totals == {len(seen)} and one.shown == len(seen) for one in passes)
        # The number stays the same, too, when one is made for each that is deleted.
        and len({one.newest for one in passes}) == 1
    )


def _agree(passes: Sequence[_Pass]) -> bool:
    """Whether two passes showed the same tasks, none twice, whatever the service counts."""
    return (
        len(passes) == 2 and passes[0].seen == passes[1].seen and not any(one.has_repeated for one in passes)
    )


class Inventory:
    """Lists one project."""

    def __init__(
        self,
        project_id: str,
        *,
        ask: Callable[[Sequence[Call]], Generator[Happened, None, None]],
        error_of: Callable[[str, Happened], ApiError],
        progress: Callable[[int], None] | None = None,
        filters: Filters = (),
    ) -> None:
        self._filters = filters
        self._project_id = project_id
        self._ask = ask
        self._error_of = error_of
        self._progress = progress
        self._largest = PAGE_SIZE
        self._tasks: dict[TaskId, RemoteTask] = {}
        self._server_time: int | None = None

    def listing(self) -> Listing:
        """Every task of the project, both types; each once.

        Raises:
            ApiError: a page could not be had, has no ``Date`` header, or the listing does not settle.
        """
        for task_type in (REAL_TIME, OFFLINE):
            self._settle(task_type)
        if self._server_time is None:
            raise TypeError("a listing has at least one page")
        return Listing(tasks=tuple(self._tasks.values()), server_time=self._server_time)

    def _settle(self, task_type: int) -> None:
        walked = self._walk(task_type, 0, at_once=True)
        if not walked.is_in_order and walked.is_complete and self._is_unchanged(task_type, walked):
            return
        passes = [walked] if walked.is_in_order else []
        while not (passes and _are_complete(passes)):
            if len(passes) == MAX_PASSES:
                raise ApiError(
                    f"The service's listing does not settle.\n  {LIST}: each of {MAX_PASSES} passes "
                    "showed tasks twice, or not all of them.\n"
                    "Run the command again when nobody else works on the project."
                )
            passes.append(self._walk(task_type, len(passes)))

    def _is_unchanged(self, task_type: int, walked: _Pass) -> bool:
        """Whether the first page is as it was, and so is the number of tasks."""
        (page,) = self._pages(task_type, [1], self._largest)
        return page is not None and _ids(page) == walked.first_page and {page.total} == walked.totals

    def _walk(self, task_type: int, passed: int, *, at_once: bool = False) -> _Pass:
        """One pass over all pages; ``passed``: how many there were before it."""
        walked, number = _Pass(), 1
        while number <= MAX_PAGES:
            # A tenth less each time: 100, 90, 80 have no ends of pages in common before the 3600th task.
            size = self._largest * (10 - passed) // 10
            count = _pages_to_come(walked, size) if at_once else 1
            numbers = range(number, min(number + count, MAX_PAGES + 1))
            walked.is_in_order &= len(numbers) == 1
            for page in self._pages(task_type, numbers, size):
                if page is None or (self._may_shrink and _comes_short(page, walked, size)):
                    self._largest = SMALL_PAGE_SIZE
                    walked, number = _Pass(), 1
                    break
                walked.add(page)
                if not page.tasks or len(walked.seen) == page.total:
                    return walked
                if walked.pages_without_news >= _MAX_PAGES_WITHOUT_NEWS:
                    raise self._endless(number)
                number += 1
        raise self._endless(MAX_PAGES)

    def _endless(self, pages: int) -> ApiError:
        return ApiError(f"The service's listing does not end.\n  {LIST}: stopped after {pages} pages.")

    @property
    def _may_shrink(self) -> bool:
        return self._largest > SMALL_PAGE_SIZE

    def _pages(self, task_type: int, numbers: Sequence[int], size: int) -> Iterator[Page | None]:
        """These pages; None for one that has to be asked for in smaller ones."""
        calls = [
            list_call(self._project_id, task_type, page_number=number, page_size=size, filters=self._filters)
            for number in numbers
        ]
        with closing(self._ask(calls)) as answers:
            yield from (self._page(task_type, happened) for happened in answers)

    def _page(self, task_type: int, happened: Happened) -> Page | None:
        if not isinstance(happened, Answered):
            if self._may_shrink and _is_too_much(happened):
                return None
            raise self._error_of(LIST, happened)
        self._note_time(happened)
        page = list_reply(happened, task_type=task_type)
        self._tasks.update((task.task_id, task) for task in page.tasks)
        if self._progress is not None:
            self._progress(len(self._tasks))
        return page

    def _note_time(self, answered: Answered) -> None:
        """The time of the first page: what is missing was missing no later than that."""
        if self._server_time is None:
            if answered.server_time is None:
                raise unusable(LIST, "there is no Date header", answered)
            self._server_time = answered.server_time


def _pages_to_come(walked: _Pass, size: int) -> int:
    """How many pages there should still be; at least one, and only one where it is not known."""
    total = max((total for total in walked.totals if total is not None), default=0)
    return max(1, -(-(total - walked.shown) // size))


def _comes_short(page: Page, walked: _Pass, size: int) -> bool:
    """Whether the service seems to give smaller pages than it was asked for.

    It might still count them by the size that was asked, and leave out what is in between.
    """
    return (
        page.total is not None and 0 < len(page.tasks) < size and walked.shown + len(page.tasks) < page.total
    )


def _is_too_much(happened: Happened) -> bool:
    if isinstance(happened, Unusable):
        return happened.code == "TooLarge"
    return isinstance(happened, Failed) and family(happened.code) in _TOO_MUCH
