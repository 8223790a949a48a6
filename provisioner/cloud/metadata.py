"""The machine's own credentials: the metadata service that virtual machines of the cloud have.

Rule: it is asked last and not long. Anywhere else its name does not exist, and that is no error.
"""

import requests
from urllib3.exceptions import HTTPError

URL = "http://metadata.tencentyun.com/latest/meta-data/cam/security-credentials/"
_SECONDS = 1.0
_MAX_BYTES = 64 * 1024


def fetch_metadata(path: str, *, url: str = URL) -> str | None:
    """The text at a path below the role's address; None where there is no such service or role."""
    session = requests.Session()
    session.trust_env = False
    try:
        with session.get(url + path, timeout=_SECONDS, allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                return None
            return response.raw.read(_MAX_BYTES).decode("utf-8", "replace")
    except (requests.RequestException, HTTPError, OSError, ValueError):
        return None
    finally:
        session.close()
