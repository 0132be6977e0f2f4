"""``xcomkit inspect`` on each cloud: what it counts is what the SDK lists, one object at a time."""

import gzip
import io
import json
import zipfile
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from aws_rig import AwsRig
from azure_rig import AzureRig, soft_delete
from gcp_rig import GcpRig

from xcomkit.__main__ import main
from xcomkit.clouds.bucket import Reading
from xcomkit.clouds.objects import Objects
from xcomkit.findings.errors import AccessDeniedError
from xcomkit.objects.keys import parse_key
from xcomkit.steps.orphans import way_back

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
RUN = "manual__2026-02-28T23:59:59.123456+00:00"
HOSTILE = "<script>alert(1)</script>\x1b[31m"
KEYS = {
    **{f"a/{RUN}/t{n}/{UUID[:-1]}{n}{end}": b"[1]" for n, end in enumerate(("", ".gz", ".zst"))},
    f"b/{RUN}/t/ti-{UUID}/return_value.json": b"[12]",
    f"b/{RUN}/t/ti-{UUID}/empty.json": b"",
    "assets/a/watermark": b"1",
    "readme.txt": b"hello",
    f"b//{UUID}": b"odd",
    f"c/{HOSTILE}": b"x",
}


@pytest.fixture(params=[AwsRig, AzureRig, GcpRig], ids=lambda kind: kind.cloud_name)
def there(request, signed_in):
    rig = request.param(signed_in(request.param.cloud_name))
    rig.make_bucket()
    for key, body in KEYS.items():
        # Azurite takes no control characters in a name, Google's emulator no object without bytes.
        if (rig.cloud_name == "azure" and "\x1b" in key) or (rig.cloud_name == "gcp" and not body):
            continue
        rig.put_object(f"astro/xcom/{key}", body)
    yield rig
    rig.tidy()


@pytest.fixture
def file(there, tmp_path):
    path = tmp_path / "target.yaml"
    given = there.settings.to_parameters()
    path.write_text(yaml.safe_dump(given))
    return path


def test_sums_are_those_of_a_slow_count_and_the_checks_name_what_is_wrong(there, file, capsys):
    code = main(["inspect", "-f", str(file), "--format", "json"])

    found = json.loads(capsys.readouterr().out)
    listed = [parse_key(o, prefix="astro/xcom") for o in there.cloud.list_objects("astro/xcom/")]
    xcoms = [one for one in listed if one.layout in ("uuid", "key")]
    assert found["summary"]["count"] == len(xcoms) >= 4
    assert found["summary"]["size"] == sum(one.size for one in xcoms)
    for part, name in (("dags", "dag_id"), ("codecs", "codec")):
        expected = Counter(getattr(one, name) for one in xcoms)
        assert {t["name"]: t["count"] for t in found["summary"][part]} == expected
    assert found["summary"]["foreign"]["count"] == sum(o.layout == "foreign" for o in listed)
    by_id = {check["id"]: check["status"] for check in found["checks"]}
    holds_empty = not all(one.size for one in xcoms)
    assert by_id["XC608"] == ("fail" if holds_empty else "pass")
    assert {by_id[name] for name in ("XC603", "XC604", "XC607")} == {"warn"}
    assert code == int(by_id["XC608"] == "fail" or "unknown" in by_id.values())


@pytest.mark.usefixtures("there")
def test_terminal_shows_tables_in_which_hostile_keys_are_inert(file, capsys, tmp_path):
    sums = tmp_path / "sums.json"

    main(["inspect", "-f", str(file), "--save", str(sums), "--price", "0.02", "--rerun-days", "31"])
    shown = capsys.readouterr()

    assert "30 days after the writing, as its lifecycle says" in shown.out
    assert "bytes costs 0.00 per month" in shown.out
    assert "▲ warn  XC610" in shown.out
    assert "Below the prefix: " in shown.out
    assert "\x1b" not in shown.out + shown.err
    assert json.loads(sums.read_text())["reached"] is None


def test_state_is_listed_below_its_own_prefix_where_a_store_is_configured(there, file, capsys):
    for key in (f"d/{RUN.replace(':', '%3A').replace('+', '%2B')}/t/-1/job", "assets/a/k", "odd"):
        there.put_object(f"{there.settings.state_prefix}/{key}", b"12")

    main(["inspect", "-f", str(file), "--format", "json"])
    found = json.loads(capsys.readouterr().out)["state_store"]
    main(["inspect", "-f", str(file)])
    shown = capsys.readouterr().out
    main(["inspect", "-f", str(file), "-p", "state_store=false"])

    assert {one["name"]: one["size"] for one in found["states"]} == {"d t": 2, "asset a": 2}
    assert found["foreign"]["keys"] == [f"{there.settings.state_prefix}/odd"]
    assert "Below the prefix of the state store: 2 states with 4 bytes, 1 other keys" in shown
    assert "the prefix of the state store" not in capsys.readouterr().out


def test_bucket_without_a_lifecycle_and_one_that_may_not_be_read_are_told_apart(
    there, file, capsys, monkeypatch
):
    there.put_lifecycle([there.lifecycle_rule(days=9, prefix="elsewhere")])
    main(["inspect", "-f", str(file)])

    assert "No lifecycle rule of the bucket deletes all XComs" in capsys.readouterr().out
    monkeypatch.setattr(
        type(there.cloud.bucket), "read", lambda *_: Reading(None, "denied", "403 no right")
    )
    main(["inspect", "-f", str(file), "--rerun-days", "1"])
    assert "as retention_days says, because the lifecycle may" in (shown := capsys.readouterr().out)
    assert "? unknown  XC610" in shown


def test_one_value_is_found_by_its_ids_and_shown_decoded_and_inert(there, file, capsys):
    folder, hostile = f"astro/xcom/d/{RUN}/t", b'["<script>\x1b[31m"]'
    there.put_object(f"{folder}/{UUID}.gz", gzip.compress(b'{"__classname__": "a.B"}'))
    there.put_object(f"{folder}/ti-{UUID}/a%2Fb.json", hostile)
    there.put_object(f"{folder}2/{UUID}", b"[]")
    ids = ["inspect", "-f", str(file), "--dag", "d", "--run", RUN]

    assert main([*ids, "--task", "t", "--key", "a/b", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["objects"]
    main([*ids, "--task", "t", "--key", "other", "--format", "json"])
    shown = capsys.readouterr().out

    assert {one["decoded"]["codec"] for one in found} == {"gzip", "none"}
    assert [one["decoded"]["types"] for one in found if one["layout"] == "uuid"] == [["a.B"]]
    assert "a.B" in shown
    assert "a%2Fb" not in shown
    main([*ids, "--task", "t"])
    assert "\x1b" not in capsys.readouterr().out
    for more, code, words in (
        (["--task", "no"], 3, "no object of this task"),
        ([], 2, "all three"),
    ):
        assert main([*ids, *more]) == code
        assert words in capsys.readouterr().err


@pytest.mark.usefixtures("there")
def test_sums_of_another_bucket_are_not_gone_on_from(file, capsys, tmp_path):
    sums = tmp_path / "sums.json"
    main(["inspect", "-f", str(file), "--save", str(sums)])

    code = main(["inspect", "-f", str(file), "-p", "prefix=elsewhere", "--resume", str(sums)])

    assert code == 2
    assert "these are sums of" in capsys.readouterr().err


def test_old_versions_and_unfinished_uploads_are_counted_on_request(there, file, capsys):
    if there.cloud_name == "aws":
        s3, place = there.client("s3"), {"Bucket": there.settings.bucket}
        odd = {**place, "Key": f"astro/xcom/c/{HOSTILE}"}  # the stand-in lists no versions of it
        s3.delete_object(**odd, VersionId=s3.head_object(**odd).get("VersionId", "null"))
    for folder in ("xcom", "xcom2"):
        for body in (b"[1, 2]", b"[1, 2, 3]"):
            there.put_object(f"astro/{folder}/a/{RUN}/t0/{UUID[:-1]}0", body)
    if there.cloud_name == "aws":
        s3.delete_object(**place, Key=f"astro/xcom/a/{RUN}/t2/{UUID[:-1]}2.zst")
        for name in ("astro/xcom/a/<script>\u202e+", "astro/other"):
            begun = s3.create_multipart_upload(**place, Key=name)["UploadId"]
            s3.upload_part(**place, Key=name, UploadId=begun, PartNumber=1, Body=b"12345")

    main(["inspect", "-f", str(file), "--versions", "--format", "json"])
    answer = json.loads(capsys.readouterr().out)
    found, status = answer["beside"], {one["id"]: one["status"] for one in answer["checks"]}

    assert found["unseen"] == found["unseen_uploads"] == ""
    # Replaced were [1] and [1, 2], deleted was [1]; other stand-ins keep no versions.
    expected = (3, 12, 1, 1, 5) if there.has_versions else (0, 0, 0, 0, 0)
    counted = ("old", "old_size", "markers", "uploads", "upload_size")
    assert tuple(found[name] for name in counted) == expected
    assert status["XC609"] == ("warn" if there.cloud_name == "aws" else "skip")  # begun in 2010


def test_deep_scan_names_what_is_wrong_and_shows_it_inert(there, file, capsys):
    folder, settings = f"astro/xcom/scan/{RUN}", there.settings
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("file", b"[1]")
    reference = f"s3://c@{settings.bucket}/{settings.prefix}/d/r/t/{UUID}"
    hostile = {"__classname__": "antigravity.<script>\x1b[31m", "__data__": [reference]}
    values = {
        f"zip/{UUID}.zip": packed.getvalue(),
        f"cut/{UUID}.gz": gzip.compress(b"[1, 2]")[:-4],
        f"bomb/{UUID}.gz": gzip.compress(b"0" * 50_000_000),
        f"deep/{UUID}": b"[" * 100_000,
        f"hostile/{UUID}": json.dumps(hostile).encode(),
    }
    for key, body in values.items():
        there.put_object(f"{folder}/{key}", body)
    found = {}
    for decode in ("all", "sample"):
        code = main(["inspect", "-f", str(file), "--decode", decode, "--format", "json"])
        found[decode] = json.loads(capsys.readouterr().out)
        assert code == 1

    kinds = {name: one["count"] for name, one in found["all"]["scan"]["found"].items()}
    status = {one["id"]: one["status"] for one in found["all"]["checks"]}
    assert kinds.pop("empty", 0) == (there.cloud_name != "gcp")
    assert kinds.pop("undecodable") == 3  # what is nested too deeply, and [1] under .gz and .zst
    assert kinds == {
        "bytes of another codec": 2, "truncated": 1, "larger than the limit": 1,
        "stored uncompressed by zip": 1, "a reference in place of a value": 1,
    }  # fmt: skip
    assert [status[name] for name in ("XC605", "XC606", "XC611", "XC612")] == [
        "fail", "fail", "warn", "fail",
    ]  # fmt: skip
    assert status["XC613"] == "pass"
    assert found["all"]["scan"] == found["sample"]["scan"]  # a sample of so few is all of them
    main(["inspect", "-f", str(file), "--decode", "sample"])
    shown = capsys.readouterr()
    assert "gzip would save" in shown.out
    assert "class antigravity.<script>\\x1b[31m" in shown.out
    assert "\x1b" not in shown.out + shown.err


@pytest.mark.usefixtures("there")
def test_scan_without_the_right_to_read_is_unknown_and_says_why(file, capsys, monkeypatch):
    def refuse(*_, **__):
        raise AccessDeniedError("403 for this key")

    monkeypatch.setattr(Objects, "read_object", refuse)

    assert main(["inspect", "-f", str(file), "--decode", "all"]) == 1

    shown = capsys.readouterr().out
    assert "? unknown  XC605" in shown
    assert "not read, 403 for this key" in shown


@pytest.fixture
def rows(there, tmp_path):
    """Export rows that refer to one of the objects, to one that is gone, and to none."""
    path = tmp_path / "rows.csv"
    base = f"s3://conn@{there.settings.bucket}/astro/xcom"
    refers = [f"{base}/a/{RUN}/{one}" for one in (f"t0/{UUID[:-1]}0", f"gone/{UUID[:-1]}9")]
    lines = [f'2026-01-01 00:00,"""{one}"""' for one in (*refers, "<script>\x1b[31m")]
    path.write_text("\n".join(["timestamp,value", *lines, f"{datetime.now(UTC)},1", ""]))
    return path


def test_objects_without_a_row_and_rows_without_an_object_are_named(there, file, capsys, rows):
    asked = ["inspect", "-f", str(file), "--orphans", str(rows)]

    code = main([*asked, "--older-than", "0", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    main(asked)
    shown = capsys.readouterr()

    joined, status = found["orphans"], {one["id"]: one["status"] for one in found["checks"]}
    listed = [parse_key(o, prefix="astro/xcom") for o in there.cloud.list_objects("astro/xcom/")]
    lost = [one for one in listed if one.layout in ("uuid", "key") and one.task_id != "t0"]
    assert joined["without_row"]["count"] == len(lost) >= 3
    assert joined["without_row"]["size"] == sum(one.size for one in lost)
    assert joined["without_object"]["keys"] == [f"astro/xcom/a/{RUN}/gone/{UUID[:-1]}9"]
    assert (status["XC614"], status["XC615"], code) == ("warn", "fail", 1)
    assert "Without a row: " in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_inventory_of_the_bucket_says_what_its_listing_says(there, file, capsys, tmp_path):
    names = {
        "azure": ("Name", "Content-Length", "Last-Modified"),
        "gcp": ("name", "size", "updated"),
    }
    key, size, time = names.get(there.cloud_name, ("key", "size", "last_modified_date"))
    base = f"{there.settings.bucket}/" if there.cloud_name == "azure" else ""
    rows = [
        {key: base + one.key, size: one.size, time: one.modified}
        for one in there.cloud.list_objects("")
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "all.parquet")
    found = []
    for more in ([], ["--inventory", str(tmp_path)]):
        main(["inspect", "-f", str(file), "--format", "json", *more])
        found.append(json.loads(capsys.readouterr().out))

    listed, read = (one["summary"] for one in found)
    for name in listed.keys() - {"now"}:
        assert read[name] == listed[name], name
    statuses = [{check["id"]: check["status"] for check in one["checks"]} for one in found]
    assert statuses[0] == statuses[1]
    code = main(["inspect", "-f", str(file), "--inventory", str(tmp_path), "--versions"])
    assert code == 2
    assert "leave out --versions" in capsys.readouterr().err


def keys_of(there) -> set[str]:
    return {one.key.removeprefix("astro/xcom/") for one in there.cloud.list_objects("astro/xcom/")}


def test_objects_without_a_row_are_deleted_where_the_prefix_is_typed_in_and_nothing_else(
    there, file, capsys, rows, monkeypatch
):
    class Later(datetime):
        @classmethod
        def now(cls, _):
            return datetime.now(UTC) + timedelta(days=2)

    monkeypatch.setattr("xcomkit.steps.orphans.datetime", Later)
    rows.write_text(f"{rows.read_text()}{Later.now(UTC)},1\n")
    before, asked = keys_of(there), ["inspect", "-f", str(file), "--older-than", "1"]
    (folder := rows.with_name("folder.json")).mkdir()
    lost = {one for one in before if UUID[:-1] in one and "//" not in one and "/t0/" not in one}
    for more in (
        [], ["--orphans", str(rows)], ["--delete", "astro/xcom"],
        ["--orphans", str(rows), "--delete", "astro"], ["--orphans", str(rows), "--delete", ""],
        ["--orphans", "https://a.example", "--delete", "astro/xcom"],
        ["--orphans", str(rows), "--delete", "astro/xcom", "--older-than", "0"],
        ["--orphans", str(rows), "--delete", "astro/xcom", "--save", f"{rows}/sums.json"],
        ["--orphans", str(rows), "--delete", "astro/xcom", "--save", str(folder)],
    ):  # fmt: skip
        assert (main([*asked, *more]) == 2) == ("--delete" in more)
    elsewhere = rows.with_name("elsewhere.csv")
    elsewhere.write_text(rows.read_text().replace("/astro/xcom/", "/astro/other/"))
    cut = rows.with_name("cut.csv")
    cut.write_text(f'{rows.read_text()}2026-01-01 00:00,"{{""a"": ""s3:"\n')
    for file_of_rows, why in ((elsewhere, "no row refers to an object"), (cut, "no JSON in 1 row")):
        capsys.readouterr()
        asked_as_json = [*asked, "--format", "json", "--orphans", str(file_of_rows)]
        main([*asked_as_json, "--delete", "astro/xcom"])
        said = json.loads(capsys.readouterr().out)["deletion"]
        assert said.startswith(f"Nothing was deleted: {why}")
    assert keys_of(there) == before

    monkeypatch.setattr("xcomkit.steps.orphans.BATCH", 2)
    delete, deletions = Objects.discard_keys, []

    def delete_once(cloud, keys):
        if deletions:
            raise AccessDeniedError("403 from here on")
        deletions.append(delete(cloud, keys))

    with monkeypatch.context() as refused:
        refused.setattr(Objects, "discard_keys", delete_once)
        assert main([*asked, "--orphans", str(rows), "--delete", "astro/xcom"]) == 3
    assert len(before - keys_of(there)) == 2
    capsys.readouterr()
    main([*asked, "--orphans", str(rows), "--delete", "astro/xcom"])

    assert before - keys_of(there) == lost
    shown = capsys.readouterr()
    assert f"deleting {len(lost) - 2} of {len(lost) - 1} objects; they c" in shown.err
    assert f"{len(lost) - 2} objects were deleted; they c" in shown.out
    assert "\x1b" not in shown.out + shown.err
    if there.cloud_name == "aws":
        s3, place = there.client("s3"), {"Bucket": there.settings.bucket, "Prefix": "astro/xcom/a/"}
        assert "can be restored from their last version" in shown.out
        marked = {one["Key"] for one in s3.list_object_versions(**place)["DeleteMarkers"]}
        assert marked == {f"astro/xcom/{one}" for one in lost if one.startswith("a/")}


SECONDS = "retentionDurationSeconds"
KEEPS_NOTHING = {
    "aws": {"versioning": {"Status": "Suspended"}},
    "azure": {"blobs": {"isVersioningEnabled": False, **soft_delete(0)}},
    "gcp": {"versioning": {"enabled": False}, "softDeletePolicy": {SECONDS: "0"}},
}
DELETES_SOFTLY = {
    "azure": ("blobs", soft_delete(3)),
    "gcp": ("softDeletePolicy", {SECONDS: "604800"}),
}


def test_note_says_whether_deleted_objects_can_be_brought_back(there):
    for setting in KEEPS_NOTHING[there.cloud_name].items():
        there.set(*setting)
    assert "cannot be brought back" in way_back(there.cloud)
    if there.cloud_name in DELETES_SOFTLY:
        there.set(*DELETES_SOFTLY[there.cloud_name])
        assert way_back(there.cloud) == "can be restored while soft delete lasts"
