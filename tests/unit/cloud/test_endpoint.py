"""Which endpoints are taken, and what is said about the others."""

import pytest

from provisioner.cloud.endpoint import parse_endpoint
from provisioner.errors import UsageError

TAKEN = [
    ("wedata.intl.tencentcloudapi.com", "https://wedata.intl.tencentcloudapi.com", False),
    ("HTTPS://WeData.Example/", "https://wedata.example", False),
    ("https://host:443", "https://host", False),
    ("host:8443", "https://host:8443", False),
    ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443", False),
    ("http://127.0.0.1:80", "http://127.0.0.1", True),
    ("http://127.8.9.1:9000", "http://127.8.9.1:9000", True),
    ("http://[::1]:9000", "http://[::1]:9000", True),
    ("http://localhost:9000/", "http://localhost:9000", True),
]


@pytest.mark.parametrize(("text", "shown", "is_loopback"), TAKEN)
def test_taken(text: str, shown: str, is_loopback: bool) -> None:
    endpoint = parse_endpoint(text)
    assert str(endpoint) == shown
    assert endpoint.url == f"{shown}/"
    assert endpoint.host_header == shown.partition("//")[2]
    assert endpoint.is_loopback == is_loopback


REFUSED = (
    "|https://|ftp://host|http://example.com|http://10.0.0.1|http://localhost.example|http://0.0.0.0|"
    "https://host/path|https://host?q|https://host#f|https://host:0|https://host:|https://host:65536|"
    "https://host:x|https://[::1|https://[zz]|https://[fe80::1%25eth0]|https://1.2.3|https://256.1.1.1|"
    "https://-a.example|https://a..b|a b|a\nb|h\u00f6st|http://127.0.0.1.example|https://" + "a." * 130 + "b"
).split("|")


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        parse_endpoint(text)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        parse_endpoint("https://user:SECRETWORD@host")
    assert "SECRETWORD" not in str(caught.value)
