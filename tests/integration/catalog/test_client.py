"""Tests the client against a catalog that pages as course-discovery does, and against its possible failures."""

from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from course_sync_plugin.catalog.client import answers, client
from course_sync_plugin.catalog.client.auth import Access, catalog_access
from course_sync_plugin.catalog.client.client import CatalogClient, Limits
from course_sync_plugin.catalog.client.pages import OFFSET, Place, first_place, pages
from course_sync_plugin.catalog.client.token import new_token
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, RateLimited, TransientError
from course_sync_plugin.testing.catalog_server import Answer, CatalogServer, MadeUpRuns, made_up_key, recorded_runs
from tests.conftest import shared_data


class Asking(CatalogClient):
    """A client that records its waits instead of sleeping."""

    def __init__(self, access=None, budget=60, requests=None, timeout=(2, 2), ends_at=float("inf")):
        self.waits, self.failures = [], []
        access = access or catalog_access(timeout)
        limits = Limits(timeout, budget, requests, ends_at)
        super().__init__(access, limits, self.waits.append, self.failures.append)

    def keys(self, place):
        with self:
            return [row["key"] for page in pages(self, place) for row in page.rows]


def keys_of(number):
    return [made_up_key(at) for at in range(number)]


@pytest.mark.parametrize("count", [0, 1, 15, 20, 21, 45, 100, 101, 250])
@pytest.mark.parametrize("place", [first_place(10), first_place(20), first_place(100), Place(OFFSET, 0, 30)], ids=str)
def test_every_run_comes_once_in_both_styles(catalog, place, count):
    """The cases of pagination_trap.json, in which the platform's own loop loses some or all course runs."""
    catalog.runs = MadeUpRuns(count)
    assert Asking().keys(place) == keys_of(count)


def test_the_trap_is_real(catalog):
    """The server falls back to 20 course runs if page_size comes without page. The test above depends on this."""
    catalog.runs = MadeUpRuns(250)
    with Asking() as asking:
        assert len(asking.get({"page_size": 100})["results"]) == 20
        assert len(asking.get({"page": 2, "page_size": 100})["results"]) == 100


def test_a_catalog_that_knows_limit_and_offset_alone_is_read_too(catalog):
    catalog.runs = MadeUpRuns(45)
    catalog.fault = lambda asked: catalog._page({k: v for k, v in asked.query.items() if k != "page"})
    assert Asking().keys(first_place(100)) == keys_of(45)


@pytest.mark.parametrize("pattern", ["normal_page_p*.json", "normal_limitoffset_p*.json"])
def test_recorded_pages_whose_links_name_another_host(catalog, pattern):
    """The links name discovery.example.com; only its place is used."""
    paths = sorted((shared_data() / "catalog").glob(pattern))
    recorded = [json.loads(path.read_text()) for path in paths]

    def page(asked):
        number = int(asked.query.get("page", 1)) - 1 + int(asked.query.get("offset", 0)) // 20
        return Answer(body=json.dumps(recorded[number]).encode())

    catalog.fault = page
    assert Asking().keys(first_place(100)) == [run["key"] for run in recorded_runs(*paths)]
    assert len(catalog.pages_asked()) == 3


def test_every_request_excludes_utm(catalog):
    catalog.runs = MadeUpRuns(30)
    with Asking() as asking:
        rows = [row for page in pages(asking, first_place(20)) for row in page.rows]
    assert not [row for row in rows if "utm" in row["marketing_url"]]
    assert {query["exclude_utm"] for query in catalog.pages_asked()} == {"1"}


def linked(catalog, link, rows=None, count=100):
    """Make every answer a page with this ``next`` link."""
    rows = [{"key": made_up_key(0)}] if rows is None else rows
    catalog.fault = lambda asked: Answer(body=json.dumps({"count": count, "next": link, "results": rows}).encode())


@pytest.mark.parametrize(
    ("link", "rows", "what"),
    [
        ("{root}/api/v1/course_runs/?page=1&page_size=20", None, "names no later page"),
        ("{root}/api/v1/course_runs/?page=0", None, "names no later page"),
        ("{root}/api/v1/course_runs/?page=two", None, "names no later page"),
        ("{root}/api/v1/course_runs/?page=99999999999999999999", None, "names no later page"),
        ("http://[broken", None, "not a URL"),
        (17, None, "names no later page"),
        ("{root}/api/v1/course_runs/?page=2", [], "empty page"),
    ],
)
def test_links_that_lead_nowhere_end_the_list(catalog, link, rows, what):
    linked(catalog, link.format(root=catalog.root) if isinstance(link, str) else link, rows)
    with pytest.raises(TransientError, match=what):
        Asking().keys(first_place(20))
    assert len(catalog.pages_asked()) == 1


def test_the_same_page_for_ever_ends(catalog):
    def same(asked):
        link = f"{catalog.root}/?page={int(asked.query['page']) + 1}"
        return Answer(body=json.dumps({"count": 100, "next": link, "results": [{"key": "a"}]}).encode())

    catalog.fault = same
    with pytest.raises(TransientError, match="same page twice"):
        Asking().keys(first_place(1))
    assert len(catalog.pages_asked()) == 2


def test_a_list_that_never_ends_ends(catalog):
    def endless(asked):
        number = int(asked.query["page"])
        rows = [{"key": made_up_key(number)}]
        return Answer(body=json.dumps({"count": 5, "next": f"/?page={number + 1}", "results": rows}).encode())

    catalog.fault = endless
    with pytest.raises(TransientError, match="beyond its 5 runs"):
        Asking().keys(first_place(1))
    assert len(catalog.pages_asked()) == 7


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_credentials_never_leave_for_another_host(catalog, scheme):
    catalog.runs = MadeUpRuns(45)
    with CatalogServer(MadeUpRuns(45)) as other:
        port = other.root.rpartition(":")[2]

        def foreign(asked):
            answer = catalog._page(asked.query)
            return Answer(body=answer.body.replace(catalog.root.encode(), f"{scheme}://localhost:{port}".encode()))

        catalog.fault = foreign
        assert Asking().keys(first_place(20)) == keys_of(45)
        assert other.asked == []


def test_redirects_are_refused(catalog):
    with CatalogServer() as other:
        catalog.fault = lambda asked: Answer(302, headers={"Location": f"{other.root}/api/v1/course_runs/"})
        with pytest.raises(ConfigurationError, match="redirects"):
            Asking().keys(first_place(20))
        assert other.asked == []


def test_rows_that_shift_to_the_back_come_twice_and_are_not_lost(catalog):
    catalog.runs = list(MadeUpRuns(45))

    def shift(asked):
        if asked.query["page"] == "2" and len(catalog.runs) == 45:
            catalog.runs.insert(0, {"key": "course-v1:A+New+1"})

    catalog.fault = shift
    got = Asking().keys(first_place(20))
    assert set(got) == set(keys_of(45))
    assert len(got) == 46


def test_rows_that_are_taken_away_while_paging_are_told(catalog):
    catalog.runs = list(MadeUpRuns(45))

    def shift(asked):
        if asked.query["page"] == "2" and len(catalog.runs) == 45:
            catalog.runs.pop(0)

    catalog.fault = shift
    with Asking() as asking:
        assert [page.moved for page in pages(asking, first_place(20))] == [False, True, False]


def test_rows_that_were_taken_away_before_the_list_was_gone_on_with_are_told(catalog):
    catalog.runs = MadeUpRuns(45)
    with Asking() as asking:
        assert [page.moved for page in pages(asking, Place("page", 2, 20), count=50)] == [True, False]


def test_a_last_page_that_is_gone_meanwhile_is_told(catalog):
    catalog.runs = list(MadeUpRuns(21))

    def shrink(asked):
        if asked.query["page"] == "2":
            del catalog.runs[10:]

    catalog.fault = shrink
    with Asking() as asking:
        assert [(len(page.rows), page.moved) for page in pages(asking, first_place(20))] == [(20, False), (0, True)]


def test_a_token_that_is_not_taken_any_more_is_renewed_once(catalog):
    catalog.runs = MadeUpRuns(45)
    asking = Asking()
    list(pages(asking, first_place(20)))
    catalog.tokens.clear()
    assert asking.keys(first_place(20)) == keys_of(45)
    assert [asked.path for asked in catalog.asked].count("/oauth2/access_token") == 2


def test_a_token_that_is_never_taken_needs_the_operator(catalog):
    catalog.fault = lambda asked: catalog.tokens.clear()
    with pytest.raises(ConfigurationError, match="401"):
        Asking().keys(first_place(20))
    assert len(catalog.pages_asked()) == 2


def test_a_token_about_to_expire_is_renewed_before(catalog):
    tokens = iter("abc")
    catalog.tokens |= set("abc")
    catalog.runs = MadeUpRuns(45)
    access = Access(f"{catalog.root}/api/v1", "test", lambda: (next(tokens), 0))
    assert Asking(access).keys(first_place(20)) == keys_of(45)
    assert [asked.headers["Authorization"] for asked in catalog.asked] == ["JWT a", "JWT b", "JWT c"]


def test_wrong_credentials_need_the_operator_and_stay_out_of_the_message(catalog, settings):
    settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET = "not-the-secret"
    with pytest.raises(ConfigurationError, match="OAUTH2_KEY") as error:
        Asking().keys(first_place(20))
    assert "not-the-secret" not in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_client_secret_never_leaves_for_another_host(catalog, settings, status):
    with CatalogServer() as other:
        catalog.sign_in = lambda form: Answer(status, headers={"Location": f"{other.root}/oauth2/access_token"})
        with pytest.raises(ConfigurationError, match="redirects"):
            Asking().keys(first_place(20))
        assert other.asked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(500), TransientError),
        (Answer(429), TransientError),
        (Answer(200, b"<html>"), TransientError),
        (Answer(200, b'{"expires_in": 7}'), TransientError),
        (Answer(200, b"[]"), TransientError),
        (Answer(404), ConfigurationError),
    ],
)
def test_an_answer_without_a_token(catalog, answer, error):
    catalog.sign_in = lambda form: answer
    with pytest.raises(error, match="LMS"):
        Asking().keys(first_place(20))
    assert catalog.pages_asked() == []


@pytest.mark.parametrize("end", ["", "/", "/oauth2", "/oauth2/", "/oauth2/access_token", "/oauth2/access_token/"])
def test_the_address_of_the_lms_as_edx_rest_api_client_takes_it(catalog, settings, end):
    settings.BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL = f"{catalog.root}{end}"
    Asking().keys(first_place(20))
    assert catalog.asked[0].path == "/oauth2/access_token"


def test_the_address_of_another_provider_is_taken_as_it_is(catalog, settings):
    settings.BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL = f"{catalog.root}/sso/access_token"
    Asking().keys(first_place(20))
    assert catalog.asked[0].path == "/sso/access_token"


@pytest.mark.parametrize(
    "url", ["http://[catalog/api/v1", "discovery.example.com/api/v1", "ftp://discovery.example.com"]
)
def test_an_address_that_is_none(catalog, settings, url):
    settings.COURSE_CATALOG_API_URL = url
    with pytest.raises(ConfigurationError, match="COURSE_CATALOG_API_URL"):
        catalog_access((1, 1))


@pytest.mark.parametrize(
    "name",
    ["COURSE_CATALOG_API_URL", "BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL", "BACKEND_SERVICE_EDX_OAUTH2_KEY",
     "BACKEND_SERVICE_EDX_OAUTH2_SECRET"],
)  # fmt: skip
def test_a_missing_setting_is_named(catalog, settings, name):
    setattr(settings, name, "")
    with pytest.raises(ConfigurationError, match=name):
        catalog_access((1, 1))


def once(*answers_):
    """Return a fault that gives these answers first; then the catalog answers."""
    waiting = list(answers_)
    return lambda asked: waiting.pop(0) if waiting else None


LATER = Answer(429, b'{"detail": "Request was throttled. Expected available in 3541 seconds."}')


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(429, headers={"Retry-After": "7"}), 7),
        (Answer(429, b'{"detail": "Request was throttled. Expected available in 12 seconds."}'), 12),
        (Answer(429, b"<html>"), 60),
        (Answer(429, headers={"Retry-After": "soon"}), 60),
        (Answer(429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}), client.LEAST_WAIT),
        (Answer(429, headers={"Retry-After": "0"}), client.LEAST_WAIT),
    ],
)
def test_a_throttled_request_waits_as_told(catalog, answer, wait):
    catalog.runs = MadeUpRuns(5)
    catalog.fault = once(answer)
    asking = Asking()
    assert asking.keys(first_place(20)) == keys_of(5)
    assert asking.waits == [wait]
    assert len(asking.failures) == 1


def test_a_date_in_retry_after(catalog):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    catalog.fault = once(Answer(429, headers={"Retry-After": later}))
    asking = Asking()
    asking.keys(first_place(20))
    assert 25 < asking.waits[0] <= 30


def test_a_wait_beyond_the_budget_stops_at_once(catalog):
    catalog.fault = once(LATER)
    asking = Asking()
    with pytest.raises(RateLimited) as error:
        asking.keys(first_place(20))
    assert (error.value.retry_after, asking.waits) == (3541, [])


def test_waits_share_one_budget(catalog):
    forty = Answer(429, headers={"Retry-After": "40"})
    catalog.fault = once(forty, forty)
    asking = Asking()
    with pytest.raises(RateLimited):
        asking.keys(first_place(20))
    assert asking.waits == [40]


@pytest.mark.parametrize("said", ["0", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_told_to_wait_for_nothing_for_ever_it_is_given_up(catalog, said):
    """A catalog whose clock is behind ours asks for a wait of 0 too."""
    catalog.fault = lambda asked: Answer(429, headers={"Retry-After": said})
    asking = Asking(budget=10)
    with pytest.raises(RateLimited):
        asking.keys(first_place(20))
    assert len(catalog.pages_asked()) == 1 + 10 / client.LEAST_WAIT


def test_nothing_is_waited_for_beyond_the_time_there_is(catalog):
    catalog.fault = lambda asked: Answer(429, headers={"Retry-After": "30"})
    asking = Asking(ends_at=time.monotonic() + 20)
    with pytest.raises(client.TimeIsUp) as error:
        asking.keys(first_place(20))
    assert (error.value.seconds, asking.waits) == (30, [])


@pytest.mark.parametrize("budget", [60, 7300])
def test_what_the_operator_allows_in_an_hour(catalog, budget):
    catalog.runs = MadeUpRuns(100)
    asking = Asking(requests=3, budget=budget)
    with pytest.raises(RateLimited, match="this hour"):
        asking.keys(first_place(20))
    assert (len(catalog.pages_asked()), asking.waits) == (3, [])


BROKEN = {
    "503 of a proxy": Answer(503, b"<html>Service Temporarily Unavailable</html>", {"Content-Type": "text/html"}),
    "500": Answer(500),
    "HTML with 200": Answer(200, b"<html>sign in</html>", {"Content-Type": "text/html"}),
    "cut-off JSON": Answer(200, b'{"count": 3, "results": [{"key": "cour'),
    "cut-off connection": Answer(200, b'{"count": 3, "results": []}', cut=9),
    "a list": Answer(200, b"[]"),
    "no results": Answer(200, b'{"count": 3}'),
    "not UTF-8": Answer(200, b"\xff\xfe\xfa"),
    "deep nesting": Answer(200, b"[" * 100_000),
    "broken gzip": Answer(200, b"no gzip", {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_asked_for_again(catalog, answer):
    catalog.runs = MadeUpRuns(5)
    catalog.fault = once(answer, answer)
    asking = Asking()
    assert asking.keys(first_place(20)) == keys_of(5)
    assert asking.waits == list(client.RETRIES[:2])


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_catalog_that_stays_broken_is_given_up(catalog, answer):
    catalog.fault = lambda asked: answer
    asking = Asking()
    with pytest.raises(TransientError):
        asking.keys(first_place(20))
    assert len(catalog.pages_asked()) == len(client.RETRIES) + 1
    assert len(asking.failures) == len(client.RETRIES) + 1


@pytest.mark.parametrize("status", [400, 403, 405, 410, 451])
def test_a_refusal_is_not_repeated(catalog, status):
    catalog.fault = lambda asked: Answer(status)
    with pytest.raises(ConfigurationError, match=str(status)):
        Asking().keys(first_place(20))
    assert len(catalog.pages_asked()) == 1


def test_a_wrong_address_needs_the_operator(catalog, settings):
    settings.COURSE_CATALOG_API_URL = f"{catalog.root}/api/v9"
    with pytest.raises(ConfigurationError, match="COURSE_CATALOG_API_URL"):
        Asking().keys(first_place(20))


def test_a_catalog_that_is_down(catalog, settings):
    access = catalog_access((1, 1))
    access.auth()
    catalog.__exit__()
    asking = Asking(access)
    with pytest.raises(TransientError, match="could not be reached"):
        asking.keys(first_place(20))


def test_a_catalog_that_says_nothing(catalog):
    catalog.latency = 0.5
    with pytest.raises(TransientError, match="could not be reached"):
        Asking(Access(f"{catalog.root}/api/v1", "test", lambda: ("a", 60)), budget=0, timeout=(1, 0.1)).keys(
            first_place(20)
        )


@contextmanager
def dripping(beginning: bytes) -> Iterator[str]:
    """Yield the address of a server that sends a beginning, and then one byte each twentieth of a second."""

    def speak() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.sendall(beginning)
            for _ in range(400):
                if ended.wait(0.05):
                    return
                connection.sendall(b"x")
            nobody_gave_up.set()

    ended, nobody_gave_up = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=speak)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()
            assert not nobody_gave_up.is_set()


DRIPS = {
    "status": b"",
    "headers": b"HTTP/1.1 200 OK\r\nX: ",
    "interim": b"HTTP/1.1 103 Early Hints\r\nX: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
}


@pytest.mark.parametrize("beginning", DRIPS.values(), ids=DRIPS)
class TestWhatComesDropByDrop:
    """Each byte comes in time, the whole answer does not. A request may take 0.2 + 4 * 0.2 seconds."""

    def test_a_page(self, beginning):
        with dripping(beginning) as url:
            access = Access(url, "test", lambda: ("a", 60))
            with pytest.raises(TransientError, match="could not be reached"):
                Asking(access, budget=0, timeout=(0.2, 0.2)).keys(first_place(20))

    def test_a_token(self, beginning):
        with dripping(beginning) as url, pytest.raises(TransientError, match="No token from the LMS"):
            new_token(url, "key", "secret", (0.2, 0.2))


def test_a_proxy_that_answers_drop_by_drop(monkeypatch):
    """For https, the client asks the proxy for a tunnel before it reaches the catalog."""
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with dripping(b"HTTP/1.1 200 Connection established\r\nX: ") as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(TransientError, match="No token from the LMS"):
            new_token("https://catalog.invalid", "key", "secret", (0.2, 0.2))


def test_interim_answers_are_skipped():
    page = b'{"count": 0, "next": null, "previous": null, "results": []}'
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(page)
    with dripping(hints + head + page) as url:
        assert Asking(Access(url, "test", lambda: ("a", 60)), budget=0).keys(first_place(20)) == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_of_the_environment_is_used(catalog, monkeypatch, variable):
    """Some sites can reach the internet only through a proxy."""
    catalog.runs = MadeUpRuns(20)
    monkeypatch.setenv(variable, catalog.root)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    access = Access("http://catalog.invalid/api/v1", "test", lambda: ("a", 60))
    with pytest.raises(CourseSyncError) as refused:
        Asking(access, budget=0).keys(first_place(20))
    assert "could not be reached" not in refused.value.message  # the answer is from the proxy: the host has no address


def test_an_answer_without_end_is_given_up(catalog, monkeypatch):
    monkeypatch.setattr(answers, "LARGEST", 1000)
    catalog.runs = MadeUpRuns(50)
    with pytest.raises(ConfigurationError, match="smaller page size"):
        Asking().keys(first_place(50))


def test_a_packed_answer(catalog):
    catalog.runs = MadeUpRuns(20)
    catalog.fault = lambda asked: Answer(
        200, gzip.compress(catalog._page(asked.query).body), {"Content-Encoding": "gzip"}
    )
    assert Asking().keys(first_place(20)) == keys_of(20)


@pytest.mark.parametrize("seed", range(20))
def test_random_catalogs_of_random_page_sizes(catalog, seed):
    chance = random.Random(seed)
    count, size = chance.randint(0, 130), chance.randint(1, 50)
    catalog.runs = MadeUpRuns(count)
    place = chance.choice([first_place(size), Place(OFFSET, 0, size)])
    assert Asking().keys(place) == keys_of(count)
