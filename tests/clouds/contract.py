"""What every cloud must do: one class of tests, subclassed once per cloud with its rig.

Cases that need a stand-in (tokens minted at will, a bucket of somebody else's) carry the marker
``stand_in`` and are left out where the contract runs on a live cloud.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from rig import SUBJECTS, Rig, red

from xcomkit.clouds import Cloud
from xcomkit.findings.errors import (
    AccessDeniedError,
    CredentialsError,
    MissingError,
    ServiceError,
    SettingsError,
)
from xcomkit.findings.model import Plan, StoredObject
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import TERMS

UNTRUSTED = "system:serviceaccount:astro:xcomkit-untrusted"
NewRig = Callable[..., Rig]


def actions(plan: Plan) -> dict[str, str]:
    return {f"{change.resource} {change.setting}": change.action for change in plan.changes}


class BucketContract:
    def test_empty_account_ends_with_a_bucket_that_passes_every_check_and_is_left_alone(
        self, rig: Rig
    ) -> None:
        rig.make_bucket()

        checks = rig.bucket_checks()

        assert not red(checks), {c.id: c.observed for c in checks.values() if c.closes_gate}
        assert {"XC201", "XC202", "XC203", "XC205", "XC206", "XC207", "XC208"} <= set(checks)
        assert {c.status for c in checks.values()} <= {"pass", "skip"}
        assert set(actions(rig.cloud.bucket.plan()).values()) == {"unchanged"}

    def test_plan_of_an_absent_bucket_changes_nothing_by_itself(self, rig: Rig) -> None:
        assert rig.cloud.bucket.plan().pending

        assert rig.bucket_checks()["XC201"].status == "fail"

    def test_every_planned_change_shows_the_command_that_does_the_same(self, rig: Rig) -> None:
        commands = [change.command for change in rig.cloud.bucket.plan().pending]

        assert all(command.startswith(rig.cli) for command in commands), commands
        assert any(rig.settings.bucket in command for command in commands)

    def test_setting_undone_by_somebody_is_red_shown_and_put_back(self, new_rig: NewRig) -> None:
        rig = new_rig()
        rig.make_bucket()
        for rule_id in rig.drifts:
            rig.drift(rule_id)

            assert rig.bucket_checks()[rule_id].status in ("fail", "warn"), rule_id
            assert rig.cloud.bucket.plan().pending, rule_id
            rig.make_bucket()
            assert not red(rig.bucket_checks()), rule_id

    def test_expiry_of_ours_that_gets_shorter_is_said_in_the_plan(self, rig: Rig) -> None:
        rig.make_bucket()
        rig.reopen(retention_days=20)

        notes = {change.setting: change.note for change in rig.cloud.bucket.plan().pending}

        assert notes == {"lifecycle": "objects expire after 20 days, so far after 30"}

    def test_lifecycle_rule_that_expires_xcom_sooner_is_red_and_named(self, rig: Rig) -> None:
        rig.make_bucket()
        rig.add_lifecycle_rule(days=2, prefix="astro/")

        check = rig.bucket_checks()["XC208"]

        assert check.status == "fail"
        assert "2" in check.observed

    def test_lifecycle_rule_that_takes_state_is_red_however_late(self, rig: Rig) -> None:
        rig.make_bucket()
        assert rig.bucket_checks()["XC439"].status == "pass"
        rig.add_lifecycle_rule(days=900, prefix="task-state/assets/")

        check = rig.bucket_checks()["XC439"]

        assert check.status == "fail"
        assert "deletes some of the objects after 900 d" in check.observed

    @pytest.mark.stand_in
    def test_bucket_of_somebody_else_is_never_touched(self, rig: Rig) -> None:
        other = rig.at_somebody_elses()

        plan, checks = other.cloud.bucket.plan(), other.bucket_checks()

        assert not plan.pending
        assert checks["XC201"].status in ("unknown", "fail")
        assert checks["XC201"].closes_gate

    @pytest.mark.stand_in
    def test_caller_without_rights_learns_nothing_and_changes_nothing(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rig.make_bucket()
        rig.become_nobody(monkeypatch.setenv)
        rig.cloud = rig.open()

        plan, checks = rig.cloud.bucket.plan(), rig.bucket_checks()

        assert not plan.pending
        assert {c.status for c in checks.values()} <= {"unknown", "skip"}
        assert red(checks)

    @pytest.mark.stand_in
    @pytest.mark.timeout(120)  # nobody waits for a metadata server that is not there
    def test_nobody_signed_in_is_a_clear_refusal(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rig.sign_out(lambda name: monkeypatch.delenv(name, raising=False))
        cloud = rig.open()

        with pytest.raises(CredentialsError, match=r"Next: "):
            cloud.who_am_i()

    def test_caller_is_known_with_account_and_the_way_of_asking(self, rig: Rig) -> None:
        caller = rig.cloud.who_am_i()

        assert caller.principal
        assert caller.account
        assert caller.how

    def test_bad_name_is_refused_before_any_call(self, rig: Rig) -> None:
        for name in rig.bad_names:
            with pytest.raises(SettingsError, match="bucket: "):
                Settings.from_mapping({**rig.settings.to_parameters(), "bucket": name})


class Made:
    @pytest.fixture
    def there(self, rig: Rig) -> Rig:
        rig.make_bucket()
        return rig

    @pytest.fixture
    def made(self, rig: Rig) -> Rig:
        rig.make_bucket()
        rig.make_access()
        return rig


class NeverWeakensContract(Made):
    """What is in a bucket when step 01 comes: stronger stays, weaker is raised, foreign stays."""

    def test_equal_or_stronger_is_unchanged_in_plan_and_bucket(self, there: Rig) -> None:
        for name, (part, value) in there.stronger.items():
            there.set(part, value)
            before = there.state()

            plan = there.cloud.bucket.plan()
            there.cloud.bucket.apply(plan)

            assert {change.action for change in plan.changes} == {"unchanged"}, name
            assert there.state() == before, name
        assert not red(there.bucket_checks())

    def test_weaker_is_raised_and_nothing_else_moves(self, there: Rig) -> None:
        for part, value in there.foreign.items():
            there.set(part, value)
        for setting, part, weaker, raised in there.weaker:
            there.set(part, weaker)
            before = there.state()

            plan = there.cloud.bucket.plan()
            there.cloud.bucket.apply(plan)

            assert [change.setting for change in plan.pending] == [setting]
            assert there.state() == {**before, part: {**before[part], **raised}}, setting
        assert not red(there.bucket_checks())

    def test_foreign_lifecycle_rules_stay_in_their_order_and_to_the_letter(
        self, there: Rig
    ) -> None:
        ours = there.lifecycle()
        there.put_lifecycle(there.foreign_rules)

        there.make_bucket()

        assert there.lifecycle() == [*there.foreign_rules, *ours]
        assert not there.cloud.bucket.plan().pending

    def test_customers_key_is_replaced_only_where_that_was_asked_for_and_said_in_words(
        self, there: Rig
    ) -> None:
        part, value, key = there.customers_key
        for asked in there.other_encryptions:
            there.set(part, value)
            there.reopen(**asked)

            plan = there.cloud.bucket.plan()
            there.cloud.bucket.apply(plan)

            (row,) = plan.pending
            assert row.note == f"encryption is set, so it replaces the customer's key {key}"
            assert not red(there.bucket_checks())

    def test_prefixes_that_differ_by_slash_and_dash_keep_their_own_rules(self, there: Rig) -> None:
        rules = len(there.lifecycle())
        for prefix in ("a/b", "a-b"):
            there.reopen(prefix=prefix)
            there.make_bucket()

        assert there.bucket_checks()["XC207"].status == "pass"
        there.reopen(prefix="a/b")
        assert there.bucket_checks()["XC207"].status == "pass"
        assert len(there.lifecycle()) >= rules + 2


class AccessContract(Made):
    @pytest.mark.stand_in
    def test_access_made_from_nothing_passes_every_check_by_behaviour(self, made: Rig) -> None:
        checks = made.access_checks()

        assert not red(checks), {c.id: c.observed for c in checks.values() if c.closes_gate}
        tried = {i for i, c in checks.items() if (c.basis, c.status) == ("behaviour", "pass")}
        assert {"XC304", "XC305", "XC306", "XC307", "XC308", "XC310", "XC312"} <= tried

    def test_second_plan_finds_everything_unchanged(self, made: Rig) -> None:
        assert set(actions(made.cloud.access.plan(SUBJECTS)).values()) == {"unchanged"}

    def test_every_planned_change_shows_the_command_that_does_the_same(self, rig: Rig) -> None:
        rig.make_bucket()

        commands = [change.command for change in rig.cloud.access.plan(SUBJECTS).pending]

        assert commands
        assert all(command.startswith(rig.cli) for command in commands), commands

    @pytest.mark.stand_in
    def test_identity_without_a_right_is_red_by_behaviour(self, made: Rig) -> None:
        for name, expected in made.weakenings.items():
            made.weaken(name)

            assert red(made.access_checks()) == expected, name
            made.make_access()

    @pytest.mark.stand_in
    def test_rights_tried_before_the_bucket_is_made_send_the_reader_to_the_bucket(
        self, rig: Rig
    ) -> None:
        with suppress(MissingError):  # GCP grants the rights on the bucket itself, and says so
            rig.make_access()

        checks = rig.access_checks()

        untold = [checks[i] for i in ("XC305", "XC306", "XC307", "XC308", "XC310")]
        assert {(c.status, c.remedy[:12]) for c in untold} == {("unknown", "Run step 01 ")}

    @pytest.mark.stand_in
    def test_identity_that_was_never_made_is_red(self, rig: Rig) -> None:
        rig.make_bucket()

        found = red(rig.access_checks())

        assert "XC302" in found
        assert ("XC316" in found) == (rig.cloud_name != "aws")  # there XC302 says it

    @pytest.mark.stand_in
    def test_wrong_subject_is_red_for_the_right_ones_and_put_right(self, made: Rig) -> None:
        typo = ("system:serviceaccount:astro:typo",)
        made.cloud.access.apply(made.cloud.access.plan(typo), typo)

        assert {"XC302", "XC304"} <= red(made.access_checks())
        made.make_access()
        assert not red(made.access_checks())

    @pytest.mark.stand_in
    def test_refusal_proves_nothing_where_nobody_was_let_in(self, made: Rig) -> None:
        checks = {check.id: check for check in made.cloud.access.verify(())}

        assert checks["XC304"].status == "fail"
        assert {checks[i].status for i in ("XC305", "XC306", "XC312")} == {"unknown"}

    @pytest.mark.stand_in
    def test_further_subject_is_red_by_document_and_by_behaviour(self, made: Rig) -> None:
        made.trust_another(UNTRUSTED)

        checks = made.access_checks()

        assert {"XC302", "XC312"} <= red(checks)
        assert "xcomkit-untrusted" in checks["XC302"].observed

    @pytest.mark.stand_in
    def test_where_no_token_can_be_minted_the_trial_is_skipped_and_never_passed(
        self, made: Rig
    ) -> None:
        checks = {c.id: c for c in made.open(can_mint=False).access.verify(SUBJECTS)}

        assert checks["XC302"].status == "pass"
        assert (checks["XC304"].status, checks["XC312"].status) == ("skip", "skip")
        assert "not proved" in checks["XC304"].observed
        assert all(checks[f"XC{n}"].status != "pass" for n in (305, 306, 307, 308))

    @pytest.mark.stand_in
    def test_probes_leave_no_object_behind(self, made: Rig) -> None:
        made.access_checks()

        assert list(made.cloud.list_keys_ever("")) == []


class IdentityContract(Made):
    @pytest.mark.stand_in
    @pytest.mark.timeout(120)  # a refusal is not tried again
    def test_worker_signs_in_and_an_untrusted_account_is_refused(
        self, made: Rig, tmp_path: Path
    ) -> None:
        identity = made.cloud.worker_identity(SUBJECTS[0], directory=str(tmp_path))
        made.cloud.sign_in(identity)
        (tmp_path / "other").mkdir()
        untrusted = made.cloud.worker_identity(UNTRUSTED, directory=str(tmp_path / "other"))

        with pytest.raises((CredentialsError, AccessDeniedError)):
            made.cloud.sign_in(untrusted)

        assert identity.agents

    @pytest.mark.stand_in
    def test_token_is_for_its_owner_only_and_in_no_text(self, made: Rig, tmp_path: Path) -> None:
        assert made.stand_in is not None
        identity = made.cloud.worker_identity(SUBJECTS[0], directory=str(tmp_path))

        secrets = made.stand_in.secrets()
        shown = f"{identity!r}{made.cloud.connection()}{made.cloud.annotations()}"
        assert not [secret for secret in secrets if secret in shown]
        assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())

    @pytest.mark.stand_in
    def test_without_a_token_the_caller_stands_in_and_says_so(
        self, made: Rig, tmp_path: Path
    ) -> None:
        identity = made.open(can_mint=False).worker_identity(SUBJECTS[0], directory=str(tmp_path))

        assert not identity.agents
        assert "in place of" in identity.proves

    def test_connection_is_complete_json_without_a_secret(self, made: Rig) -> None:
        connection = json.loads(json.dumps(dict(made.cloud.connection())))

        assert connection["conn_type"]
        assert not {"password", "login"} & set(connection)
        assert all(not isinstance(v, str) or v not in ("false", "true")
                   for v in connection["extra"].values())  # fmt: skip

    def test_identity_fields_are_texts_and_name_the_identity(self, made: Rig) -> None:
        fields = {**made.cloud.annotations(), **made.cloud.labels()}

        assert all(isinstance(k, str) and isinstance(v, str) for k, v in fields.items())
        assert made.cloud.annotations()

    def test_packages_of_the_agent_image_are_named_and_serve_the_path(self, rig: Rig) -> None:
        from fsspec import get_filesystem_class

        scheme = rig.settings.base_path.partition("://")[0]

        assert all(metadata.version(name.partition("[")[0]) for name in rig.cloud.agent_packages)
        assert get_filesystem_class(scheme).__module__.partition(".")[0] in rig.cloud.agent_packages
        assert scheme == TERMS[rig.cloud_name].scheme


def read_batches(cloud: Cloud, prefix: str, *, after: str = "") -> list[StoredObject]:
    """Return the objects of a listing in batches, whichever way they came."""

    async def read() -> list[Any]:
        return [batch async for batch in cloud.list_batches(prefix, after=after)]

    found: list[StoredObject] = []
    for batch in asyncio.run(read()):
        if isinstance(batch, list):
            found += batch
        else:
            columns = (batch[name].to_pylist() for name in ("path", "size", "last_modified"))
            found += [StoredObject(*row) for row in zip(*columns, strict=True)]
    return sorted(found, key=lambda one: one.key)


class ObjectContract(Made):
    def test_keys_with_colon_plus_space_and_unicode_are_listed_read_and_deleted(
        self, there: Rig
    ) -> None:
        runs = ("a:b+00:00", "mit Leerzeichen", "日本", "per%20cent", "q?a=b&c#d", "ü/ö")
        keys = [f"astro/xcom/d/{run}/t/1" for run in runs]
        for key in keys:
            there.put_object(key, key.encode())

        listed = [o.key for o in there.cloud.list_objects("astro/xcom/")]

        assert sorted(listed) == sorted(keys)
        assert [there.cloud.read_object(key).decode() for key in keys] == keys
        assert all(there.cloud.object_exists(key) for key in keys)
        there.cloud.delete_keys(keys)
        assert not any(there.cloud.object_exists(key) for key in keys)

    def test_listing_goes_past_one_page(self, there: Rig) -> None:
        keys = [f"astro/xcom/{number}" for number in range(5)]
        for key in keys:
            there.put_object(key, b"{}")
        there.list_two_at_a_time()

        assert [o.key for o in there.cloud.list_objects("astro/xcom/")] == keys
        assert list(there.cloud.list_keys_ever("astro/xcom/")) == keys

    def test_batches_hold_what_the_sdk_lists_also_keys_that_obstore_cannot_name(
        self, there: Rig, caplog: pytest.LogCaptureFixture
    ) -> None:
        keys = [f"astro/xcom/d/{run}/t/1" for run in ("a:b+00:00", "日本", "per%20cent", "q?a=b#d")]
        for key in keys:
            there.put_object(key, key.encode())

        plain = read_batches(there.cloud, "astro/xcom/")
        assert [o.key for o in read_batches(there.cloud, "astro/xcom/", after=keys[2])] == sorted(
            key for key in keys if key > keys[2]
        )
        assert not read_batches(there.cloud, "/")  # which obstore takes for the whole bucket
        assert not caplog.records  # obstore listed it, not the SDK
        for odd in ("astro/xcom/d//t/1", "astro/xcom/d/./t/1"):
            there.put_object(odd, b"12")

        assert plain == [one for one in there.cloud.list_objects("astro/xcom/") if one.key in keys]
        for prefix in ("astro/xcom/", "astro/xcom/d//"):
            listed = list(there.cloud.list_objects(prefix))
            assert read_batches(there.cloud, prefix) == listed
            assert "slower" in caplog.text
        first, *rest = [one.key for one in listed]
        assert [o.key for o in read_batches(there.cloud, "astro/xcom/d//", after=first)] == rest

    def test_size_and_time_are_those_of_the_object_and_reading_is_bounded(self, there: Rig) -> None:
        there.put_object("astro/xcom/a", b"12345")

        (listed,) = there.cloud.list_objects("astro/xcom/")
        details = there.cloud.describe_object("astro/xcom/a")

        assert (listed.size, details.size) == (5, 5)
        assert abs(listed.modified.timestamp() - time.time()) < 60
        assert details.encryption
        assert there.cloud.read_object("astro/xcom/a", limit=3) == b"123"

    def test_written_object_holds_exactly_the_bytes_and_replaces_the_one_before(
        self, there: Rig
    ) -> None:
        key, bodies = "astro/xcom/d/a:b+00:00/plain/ü 1", (b"\x1f\x8b\0\r\n", b"", b"x" * 300_000)
        for body in bodies:
            there.cloud.write_object(key, body)

            assert there.cloud.read_object(key) == body

        assert [o.key for o in there.cloud.list_objects("astro/")] == [key]
        assert there.cloud.describe_object(key).encryption

    def test_missing_object_is_missing_and_not_an_empty_value(self, there: Rig) -> None:
        with pytest.raises(MissingError):
            there.cloud.read_object("astro/xcom/none")
        assert not there.cloud.object_exists("astro/xcom/none")

    def test_delete_takes_exactly_the_named_keys(self, there: Rig) -> None:
        for key in ("astro/xcom/a", "astro/xcom/a", "astro/xcom/ab"):
            there.put_object(key, b"{}")

        assert there.cloud.delete_keys(["astro/xcom/a"]) == (2 if there.has_versions else 1)
        assert there.cloud.find_left(["astro/xcom/a", "astro/xcom/ab"]) == ("astro/xcom/ab",)
        assert [o.key for o in there.cloud.list_objects("astro/")] == ["astro/xcom/ab"]

    @pytest.mark.stand_in
    def test_caller_without_rights_is_told_so_and_never_that_nothing_is_there(
        self, there: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there.put_object("astro/xcom/a", b"{}")
        there.become_nobody(monkeypatch.setenv)
        cloud = there.open()

        for look in (
            lambda: cloud.object_exists("astro/xcom/a"),
            lambda: cloud.read_object("astro/xcom/a"),
            lambda: list(cloud.list_objects("astro/xcom/")),
            lambda: read_batches(cloud, "astro/xcom/"),
            lambda: cloud.write_object("astro/xcom/a", b"[]"),
        ):
            with pytest.raises(ServiceError) as caught:
                look()
            assert isinstance(caught.value, AccessDeniedError)


class TearDownContract(Made):
    def test_empty_bucket_and_own_identity_go(self, made: Rig) -> None:
        made.cloud.apply_tear_down(made.cloud.plan_tear_down())

        assert not made.cloud.plan_tear_down().pending
        assert made.bucket_checks()["XC201"].status == "fail"

    def test_bucket_with_any_object_stays(self, made: Rig) -> None:
        plan = made.cloud.plan_tear_down()
        made.put_object("other", b"1")
        made.cloud.apply_tear_down(plan)  # which found it empty

        assert made.bucket_checks()["XC201"].status == "pass"
        rows = {change.setting: change for change in made.cloud.plan_tear_down().changes}

        assert rows["bucket"].action == "keep"

    def test_identity_that_xcomkit_did_not_make_stays(self, made: Rig) -> None:
        made.unmark_identity()

        rows = [c for c in made.cloud.plan_tear_down().changes if c.setting != "bucket"]

        assert {row.action for row in rows} <= {"keep", "unchanged"}
        assert any(row.action == "keep" for row in rows)


class CloudContract(
    BucketContract,
    NeverWeakensContract,
    AccessContract,
    IdentityContract,
    ObjectContract,
    TearDownContract,
):
    """All of it; a subclass names its rig and overrides nothing."""

    kind: type[Rig]

    @pytest.fixture
    def new_rig(self, request: pytest.FixtureRequest) -> Iterator[NewRig]:
        made: list[Rig] = []
        running = request.getfixturevalue("signed_in")(self.kind.cloud_name)

        def make(**changes: object) -> Rig:
            made.append(self.kind(running, **changes))
            return made[-1]

        yield make
        for one in made:
            one.tidy()

    @pytest.fixture
    def rig(self, new_rig: NewRig) -> Rig:
        return new_rig()
