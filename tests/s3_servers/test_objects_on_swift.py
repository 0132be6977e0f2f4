"""Steps 05 and 07 on Swift: odd keys, more than a page, every version of exactly the named keys."""

import pytest

from xcomkit.findings.errors import AccessDeniedError, MissingError, ServiceError

PAGE = 20  # as the store of these tests is set
RUNS = (
    "a:b+00:00",
    "mit Leerzeichen",
    "日本",
    "per%20cent",
    "q?a=b&c#d",
    "ü/ö",
    "a//b",
    "..",
    "'\"",
)


def test_odd_keys_are_written_listed_read_and_deleted(store):
    keys = [f"astro/xcom/d/{run}/t/1" for run in RUNS]
    for key in keys:
        store.write_object(key, key.encode())

    assert sorted(one.key for one in store.list_objects("astro/xcom/")) == sorted(keys)
    assert [store.read_object(key).decode() for key in keys] == keys
    store.delete_keys(keys)
    assert not [key for key in keys if store.object_exists(key)]
    assert list(store.list_keys_ever("")) == []


def test_listing_and_deleting_go_past_a_page_and_take_nothing_else(store):
    keys = [f"astro/xcom/{number:03}" for number in range(PAGE + 5)]
    for key in (*keys, "astro/xcom-of-another"):
        store.write_object(key, b"{}")

    assert [one.key for one in store.list_objects("astro/xcom/")] == keys
    assert store.delete_keys(keys) == len(keys)
    assert store.find_left([*keys, "astro/xcom-of-another"]) == ("astro/xcom-of-another",)


def test_versions_of_one_key_are_found_on_both_sides_of_a_page(store):
    for number in range(PAGE + 5):
        store.write_object("astro/xcom/same", str(number).encode())

    assert store.delete_keys(["astro/xcom/same"]) == PAGE + 5
    assert list(store.list_keys_ever("")) == []


def test_every_version_of_a_key_goes_also_behind_a_delete_marker(store):
    for body in (b"1", b"2"):
        store.write_object("astro/xcom/a", body)
    store.write_object("astro/xcom/ab", b"3")

    assert store.delete_keys(["astro/xcom/a"]) == 2
    assert list(store.list_keys_ever("astro/")) == ["astro/xcom/ab"]
    with pytest.raises(MissingError):
        store.read_object("astro/xcom/a")


def test_newest_object_is_described_although_the_store_has_no_tags_or_encryption(store):
    store.write_object("astro/xcom/a", b"12345")

    details = store.describe_object("astro/xcom/a")

    assert (details.size, details.tags) == (5, ())
    assert details.version


def test_key_without_rights_is_told_so_and_deletes_nothing(store, open_store, monkeypatch):
    store.write_object("astro/xcom/a", b"1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "xcom:reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "readerSecretKey0123456789")
    reader = open_store()

    for look in (
        lambda: reader.read_object("astro/xcom/a"),
        lambda: list(reader.list_objects("astro/xcom/")),
        lambda: reader.delete_keys(["astro/xcom/a"]),
    ):
        with pytest.raises(ServiceError) as caught:
            look()
        assert isinstance(caught.value, AccessDeniedError)
    assert store.read_object("astro/xcom/a") == b"1"


def test_bucket_with_an_object_stays_and_an_empty_one_goes(store, open_store):
    store.write_object("astro/xcom/a", b"1")
    assert [change.action for change in store.plan_tear_down().changes] == ["keep"]

    store.delete_keys(["astro/xcom/a"])
    store.apply_tear_down(store.plan_tear_down())

    assert [change.before for change in open_store().plan_tear_down().changes] == ["absent"]
