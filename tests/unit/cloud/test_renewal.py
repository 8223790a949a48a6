"""Temporary credentials are replaced in time, and used as long as they are good."""

from collections.abc import Callable

import pytest

from provisioner.cloud.credentials import Found
from provisioner.cloud.renewal import CredentialProvider
from provisioner.core.api.signing import Credential
from provisioner.errors import CredentialsError


class Search:
    """A search with a clock: finds what it was given, the last again and again; None is a failure."""

    def __init__(self, *found: Found | None) -> None:
        self.left = list(found)
        self.count = 0
        self.now = 0.0

    def find(self) -> Found:
        self.count += 1
        found = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if found is None:
            raise CredentialsError("none")
        return found

    def provider(self) -> CredentialProvider:
        return CredentialProvider(self.find, lambda: self.now)


def temporary(name: str, expires: int) -> Found:
    return Found(Credential(name, "k", f"token of {name}", "a place"), expires)


def test_temporary_credentials_are_fetched_anew_in_time() -> None:
    """With five minutes left, and not before."""
    search = Search(temporary("first", 1000), temporary("second", 9000))
    provider = search.provider()
    search.now = 699
    assert provider.current().secret_id == "first"
    search.now = 700
    assert provider.current().secret_id == "second"


def test_lasting_credentials_are_found_once() -> None:
    """They do not expire."""
    search = Search(Found(Credential("only", "k")), None)
    provider = search.provider()
    search.now = 1e12
    assert {provider.current().secret_id for _ in range(3)} == {"only"}


def test_credentials_that_are_still_good_are_used_while_no_others_are_to_be_had() -> None:
    """A failure with minutes left is no failure of the run; it is tried again, and not at every call."""
    search = Search(temporary("first", 1000), None)
    provider = search.provider()
    for search.now in (701, 702, 729, 731, 732, 999):
        assert provider.current().secret_id == "first"
    assert search.count == 4
    search.left = [temporary("second", 9000)]
    search.now = 999.9
    assert provider.current().secret_id == "first"
    search.now = 1000
    assert provider.current().secret_id == "second"


def test_the_same_credentials_again_are_not_asked_for_at_every_call() -> None:
    """The machine's service changes them when it likes."""
    search = Search(temporary("first", 1000))
    provider = search.provider()
    for search.now in range(700, 730):
        provider.current()
    assert search.count == 2


@pytest.mark.parametrize("later", [None, temporary("first", 1000)], ids=["none", "the same"])
def test_credentials_are_an_error_only_when_their_time_is_over(later: Found | None) -> None:
    """And at every call from then on, until there are new ones."""
    search = Search(temporary("first", 1000), later)
    provider = search.provider()
    search.now = 1000
    for _ in range(2):
        with pytest.raises(CredentialsError):
            provider.current()
    search.left = [temporary("second", 9000)]
    assert provider.current().secret_id == "second"


def test_what_has_expired_when_it_is_found_is_an_error_that_names_it() -> None:
    """Nothing would be accepted that is signed with it."""
    search = Search(temporary("first", 1_700_000_000))
    search.now = 1_700_000_000
    with pytest.raises(
        CredentialsError, match=r"have expired.\n  a place: .* 2023-11-14T22:13:20Z"
    ) as raised:
        search.provider()
    assert "token" not in str(raised.value)


def test_what_replaces_a_good_one_has_to_be_good() -> None:
    """An expired one in its place would be a step back."""
    search = Search(temporary("first", 1000), temporary("stale", 5))
    provider = search.provider()
    search.now = 800
    assert provider.current().secret_id == "first"


def test_a_refused_token_is_looked_for_anew_whatever_its_time() -> None:
    """The service knows better than the clock."""
    search = Search(temporary("first", 10_000), temporary("second", 20_000))
    provider = search.provider()
    assert provider.renewed().secret_id == "second"
    assert provider.current().secret_id == "second"


def test_a_refused_token_stays_where_there_is_no_other() -> None:
    """The failure is for the caller to know; the next call signs as before."""
    search = Search(temporary("first", 10_000), None)
    provider = search.provider()
    with pytest.raises(CredentialsError):
        provider.renewed()
    assert provider.current().secret_id == "first"


def test_without_a_token_there_is_nothing_to_renew() -> None:
    """A plain key is what it is."""
    search = Search(Found(Credential("only", "k")))
    renewed: Callable[[], Credential] = search.provider().renewed
    assert renewed().secret_id == "only"
    assert search.count == 1
