"""A complete listing of a project, or none.

Rule: "it is not in the listing" closes an attempt for good (create protocol), so a listing that may
have a hole is never handed out. The service's pages are not a snapshot: a task made or deleted while
they are read moves every later one, so that one is shown twice or skipped. A pass over the pages in
which that may have happened is followed by another, and what any of them showed counts.

The largest PageSize is not documented. A page that is refused, is too large or comes back short
makes the pages smaller, once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.cloud.outcome import Answered, Failed, Happened, Unusable, family
from provisioner.cloud.wire import LIST, Call, Page, list_call, list_reply, unusable
from provisioner.core.address import TaskId
from provisioner.core.calls import OFFLINE, REAL_TIME, Listing, RemoteTask
from provisioner.errors import ApiError

PAGE_SIZE = 100
SMALL_PAGE_SIZE = 10
MAX_PAGES = 10_000
_MAX_PASSES = 4
_MAX_PAGES_WITHOUT_NEWS = 3

_TOO_MUCH = frozenset({"InvalidParameter", "InvalidParameterValue", "ResponseSizeLimitExceeded"})


@dataclass(slots=True)
class _Pass:
    """One walk over all pages of one TaskType."""

    seen: set[TaskId] = field(default_factory=set)
    totals: set[int | None] = field(default_factory=set)
    has_moved: bool = False
    """Whether a task was shown twice."""

    pages_without_news: int = 0

    def add(self, page: Page) -> None:
        ids = [task.task_id for task in page.tasks]
        news = set(ids) - self.seen
        self.has_moved |= len(news) < len(ids)
        self.pages_without_news = 0 if news else self.pages_without_news + 1
        self.seen |= news
        self.totals.add(page.total)

    @property
    def is_steady(self) -> bool:
        """Whether nothing moved, and as many were shown as there are said to be."""
        return not self.has_moved and self.totals in ({len(self.seen)}, {None})


class Inventory:
    """Lists one project."""

    def __init__(
        self,
        project_id: str,
        *,
        ask: Callable[[Call], Happened],
        error_of: Callable[[str, Happened], ApiError],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._project_id = project_id
        self._ask = ask
        self._error_of = error_of
        self._progress = progress
        self._page_size = PAGE_SIZE
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
        for passed in range(_MAX_PASSES):
            known = len(self._tasks)
            walked = self._walk(task_type)
            # TotalCount may count something else than is listed. Then no pass is steady, and one
            # that found nothing new after another and ended on an empty page has to do.
            if walked.is_steady or (passed and len(self._tasks) == known):
                return
        raise ApiError(
            f"The service's listing does not settle.\n  {LIST}: it changed in each of {_MAX_PASSES} passes.\n"
            "Run the command again when nobody else works on the project."
        )

    def _walk(self, task_type: int) -> _Pass:
        """One pass, from the first page to the last."""
        walked, number = _Pass(), 1
        while number <= MAX_PAGES:
            page = self._page(task_type, number)
            if page is None or self._comes_short(page, walked):
                self._page_size = SMALL_PAGE_SIZE
                walked, number = _Pass(), 1
                continue
            walked.add(page)
            if not page.tasks or len(walked.seen) == page.total:
                return walked
            if walked.pages_without_news >= _MAX_PAGES_WITHOUT_NEWS:
                break
            number += 1
        raise ApiError(f"The service's listing does not end.\n  {LIST}: stopped after {number} pages.")

    def _comes_short(self, page: Page, walked: _Pass) -> bool:
        """Whether the service seems to give smaller pages than it was asked for.

        It might still count them by the size that was asked, and leave out what is in between.
        """
        if self._page_size == SMALL_PAGE_SIZE or page.total is None:
            return False
        return 0 < len(page.tasks) < self._page_size and len(walked.seen) + len(page.tasks) < page.total

    def _page(self, task_type: int, number: int) -> Page | None:
        """One page; None if it has to be asked for in smaller ones."""
        call = list_call(self._project_id, task_type, page_number=number, page_size=self._page_size)
        happened = self._ask(call)
        if not isinstance(happened, Answered):
            if self._page_size > SMALL_PAGE_SIZE and _is_too_much(happened):
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


def _is_too_much(happened: Happened) -> bool:
    if isinstance(happened, Unusable):
        return happened.code == "TooLarge"
    return isinstance(happened, Failed) and family(happened.code) in _TOO_MUCH
