import stat
from base64 import b64encode
from pathlib import Path

import ipywidgets as widgets
import pytest
from IPython.core.interactiveshell import InteractiveShell

from xcomkit.findings.errors import SettingsError
from xcomkit.notebook.form import Form, is_for
from xcomkit.settings.parameter_file import read_parameters
from xcomkit.settings.settings import Settings, parameters_of
from xcomkit.settings.shared_target import VARIABLE, choose
from xcomkit.settings.terms import TERMS
from xcomkit.steps.opening import open_form, open_guide

ROOT = Path(__file__).parents[2]
PRACTICE = sorted((ROOT / "parameters").glob("local-*.yaml"))
KEY_ID = "AK" + "IA" + "ABCDEFGHIJKLMNOP"
HOSTILE = "<script>alert(1)</script>\"'&"
NAMED = {"bucket": "some-bucket"}
OF_ONE_CLOUD = {
    "aws": {"role_name"},
    "azure": {"subscription_id", "resource_group", "storage_account", "managed_identity"},
    "gcp": {"project", "service_account", "workload_pool"},
}
CHOICES = {
    "cloud", "connection_store", "backend", "checksums", "compression", "encryption", "run_in",
    "fault_depth",
}  # fmt: skip


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "parameters"
    folder.mkdir()
    for path in (ROOT / "parameters").glob("*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def form(root):
    return Form(NAMED, root=root)


def headless(**values):
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping(values)
    return str(caught.value.args[0])


def everything(form):
    """What a person, the notebook's file or a record could get to see."""
    state = [w.get_state() for w in walk(form.view.box)]
    return f"{state} {form!r} {form._repr_html_()} {form.values} {form.status}"


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def as_person(monkeypatch):
    monkeypatch.setattr("xcomkit.notebook.form.is_somebody_there", lambda: True)


REAL = "cloud: aws\nbucket: some-bucket\napply: true\n"


def test_person_is_asked_again_before_anything_is_applied_to_a_real_account(root, monkeypatch):
    (root / "parameters/real.yaml").write_text(REAL)
    as_person(monkeypatch)
    form = Form({"bucket": "", "endpoint_url": ""}, root=root)
    assert form.settings.apply  # practice, as its file says

    form.take("real.yaml")

    assert not form.settings.apply
    assert "whatever the file says: this is a real account" in form.view.notes["apply"].value
    form.change("apply", value=True)
    assert form.settings.apply
    assert form.source == "real.yaml with apply changed"


def test_run_without_a_person_applies_what_the_file_says(root):
    (root / "parameters/real.yaml").write_text(REAL)
    form = Form({}, root=root)
    form.take("real.yaml")

    assert form.settings.apply


class TestWidgets:
    def test_every_setting_has_a_widget_of_its_type_once_with_name_and_help(self, form):
        types = dict.fromkeys(CHOICES, widgets.Dropdown)
        types |= dict.fromkeys(("apply", "state_store"), widgets.Checkbox)
        inside = list(walk(form.view.box))

        for name, info in Settings.model_fields.items():
            made = form.view.inputs[name]
            assert type(made) is types.get(name, widgets.Text)
            assert (made.description, made.tooltip) == (name, info.description)
            assert inside.count(made) == 1
        assert all(w.description for w in inside if not isinstance(w, widgets.HTML | widgets.VBox))

    def test_step_folds_what_every_step_takes_until_something_in_it_is_invalid(self, root):
        form = Form(NAMED, root=root, notebook="01_create_bucket")
        fold, folded = form.view.fold, form.view.folded
        held = {
            w.description for w in walk(folded) if not isinstance(w, widgets.HTML | widgets.VBox)
        }

        assert {"bucket", "cloud", "run_dir"} <= held
        assert not {"retention_days", "apply"} & held
        assert (folded.layout.display, "target" in fold.description) == ("none", True)

        form.view.inputs["bucket"].value = "Not_A_Name"

        assert (folded.layout.display, fold.value) == (None, True)

    def test_start_page_folds_what_single_steps_take(self, root):
        form = Form(NAMED, root=root, notebook="start")

        assert "bucket" not in form.folded
        assert "retention_days" in form.folded

    def test_message_stands_at_the_field_and_goes_with_its_cause(self, form):
        form.view.inputs["threshold"].value = "1MB"
        assert "✖ invalid: threshold: &#x27;1MB&#x27;" in form.view.notes["threshold"].value

        form.view.inputs["threshold"].value = "1000000"

        assert form.settings.threshold == 1_000_000
        assert "invalid" not in form.view.notes["threshold"].value + form.view.status.value

    @pytest.mark.parametrize("cloud", TERMS)
    def test_only_the_fields_of_the_cloud_are_displayed(self, form, cloud):
        form.view.inputs["cloud"].value = cloud
        visible = {n for n, row in form.view.rows.items() if row.layout.display != "none"}

        for owner, names in OF_ONE_CLOUD.items():
            assert bool(names & visible) is (owner == cloud)
        assert ("oidc_issuer" in visible) is (cloud != "gcp")
        assert {"", *TERMS[cloud].encryptions} == {
            choice for _, choice in form.view.inputs["encryption"].options
        }

    def test_notebook_displays_what_its_step_reads_and_what_is_in_the_way(self, root):
        given = {**NAMED, "repetitions": 0, "project": "X"}
        of_step = {n for n in parameters_of("05_inspect_objects") if is_for(n, cloud="aws")}

        form = Form(given, root=root, notebook="05_inspect_objects")

        assert "retention_days" in of_step
        assert set(form.displayed) == of_step | {"repetitions", "project"}

    def test_apply_and_deletion_say_in_words_what_they_do_and_where(self, form):
        inputs, notes = form.view.inputs, form.view.notes
        assert "OFF: plans are displayed only" in notes["apply"].value
        for typed in ("", "other", "some-bucket"):
            inputs["confirm_delete"].value = typed
            assert "Nothing is deleted unless" in notes["confirm_delete"].value

        inputs["apply"].value = True
        inputs["bucket"].value = "My-Bucket"
        for name in ("apply", "confirm_delete"):
            assert "Nothing will run while the form is invalid." in notes[name].value
        inputs["bucket"].value = "some-bucket"

        assert "some-bucket on aws" in notes["apply"].value
        assert "will DELETE some-bucket on aws" in notes["confirm_delete"].value


WRONG = [
    ("prefix", "/xcom/"), ("region", "E"), ("workers", "a,a"), ("retention_days", 0),
    ("threshold", "1MB"), ("tags", "x"), ("cloud", "oracle"), ("accepted", "XC1: no"),
    ("encryption", "sse-kms"), ("kms_key", KEY_ID), ("apply", "maybe"), ("compression", None),
    ("deployment", "https://u:hunter2@example.com"), ("role_name", ""), ("role_name", "<role>"),
]  # fmt: skip


class TestProblems:
    def test_message_is_that_of_a_run_without_form_and_the_others_stand_below(self, form):
        for count, (name, value) in enumerate([("region", "E"), ("prefix", "/"), ("tags", "x")]):
            message = headless(**{**NAMED, name: value})
            form.change(name, value)
            assert form.problems[name] == message
            assert len(form.problems) == count + 1
        assert "2 more below" in form.status

    @pytest.mark.parametrize(("name", "value"), [*WRONG, ("buckt", "x")])
    def test_invalid_parameters_can_be_fixed_and_open_no_step(self, root, name, value):
        form = Form({**NAMED, name: value}, root=root)
        with pytest.raises(SettingsError) as caught:
            _ = form.settings
        with pytest.raises(SettingsError) as without:
            Settings.from_notebook({**NAMED, name: value}, root=root)

        assert str(caught.value) == str(without.value)
        if name in form.values:
            form.change(name, Settings(bucket="some-bucket").to_parameters()[name])
            assert form.problems == {}

    @pytest.mark.parametrize(
        "odd", [None, 0, 1.5, float("nan"), True, "\0", [], {}, ["a", ["b"]], {"a": {"b": 1}}]
    )
    def test_odd_parameter_of_any_name_is_judged_without_a_traceback(self, root, odd):
        for name in Settings.model_fields:
            assert Form({name: odd}, root=root).status.startswith(("✔", "✖"))
        everywhere = Form(dict.fromkeys(Settings.model_fields, odd), root=root)
        assert everywhere.status in repr(everywhere)
        assert everywhere.view.box

    @pytest.mark.parametrize("name", ["workers", "cloud", "typo"])
    def test_value_that_no_line_could_show_is_invalid_and_not_shown(self, root, name):
        endless, deep = [], []
        endless.append(endless)
        for _ in range(5000):
            deep = [deep]
        for odd in (endless, deep, 2**50_000):
            form = Form({**NAMED, name: odd}, root=root)

            assert form.problems[name].startswith(f"{name}: (hidden) is invalid: must be")
            assert form.status in f"{form!r} {form._repr_html_()}"


class TestSettings:
    @pytest.mark.parametrize("path", PRACTICE, ids=lambda path: path.stem)
    def test_untouched_form_gives_what_the_parameters_give(self, root, path):
        given = Settings.from_yaml(path).to_parameters()
        form = Form(given, root=root)

        assert form.view.box
        assert form.changed == ()
        assert form.settings == Settings.from_notebook(given, root=root)

    def test_change_reaches_the_settings_and_going_back_undoes_it(self, form):
        form.view.inputs["compression"].value = "gzip"
        form.view.inputs["workers"].value = "a, b"
        assert (form.settings.compression, form.settings.workers) == ("gzip", ("a", "b"))
        assert "2 changed: run the cells below again" in form.view.status.value

        form.view.inputs["compression"].value = "none"
        form.view.inputs["workers"].value = "default-worker"

        assert form.changed == ()

    def test_value_that_no_line_can_hold_is_kept_while_nobody_types_another(self, root):
        tags = {"team": "a, b"}
        form = Form({**NAMED, "tags": tags}, root=root)
        assert form.view.box

        form.change("prefix", "other")

        assert form.settings.tags == tags

    def test_leaving_the_stand_in_switches_apply_off(self, root):
        form = Form({}, root=root)
        assert form.view.inputs["apply"].value is True

        form.view.inputs["endpoint_url"].value = ""

        assert form.view.inputs["apply"].value is False
        assert form.settings.apply is False

    def test_form_opens_where_the_step_would(self, root, monkeypatch):
        (root / "notebooks").mkdir()
        monkeypatch.chdir(root / "notebooks")

        assert open_form("start", {}).settings.is_embedded

    @pytest.mark.parametrize("text", [None, "[1, 2"])
    def test_file_that_could_not_be_read_is_told_until_something_is_changed(self, root, text):
        path = root / "parameters/local-aws.yaml"
        path.write_text(text) if text else path.unlink()
        with pytest.raises(SettingsError) as without:
            Settings.from_notebook({}, root=root)
        form = Form({}, root=root)
        path.write_text("bucket: fixed-later")

        with pytest.raises(SettingsError) as caught:
            _ = form.settings
        assert str(caught.value) == str(without.value)
        assert str(without.value.args[0]) in form.status
        form.change("bucket", "some-bucket")

        assert form.settings.bucket == "some-bucket"

    def test_file_is_used_as_it_was_when_it_was_read(self, root):
        form = Form({}, root=root)

        (root / "parameters/local-aws.yaml").write_text("bucket: changed-since\n")

        assert form.settings.bucket == "xcom-runbook-local"


class TestSecrets:
    @pytest.mark.parametrize(
        ("name", "secret"),
        [("kms_key", KEY_ID), ("tags", f"a={KEY_ID}"), ("token_variable", "eyJhbGciOiJIUzI1NiJ9"),
         ("deployment", "https://u:hunter2@example.com/")],
    )  # fmt: skip
    def test_secret_is_invalid_and_in_nothing_that_is_displayed_kept_or_written(
        self, root, name, secret
    ):
        typed = Form(NAMED, root=root)
        before = typed.values
        typed.view.inputs[name].value = secret
        given = Form({**NAMED, name: secret}, root=root)

        for form in (typed, given):
            assert "(hidden) is invalid" in form.view.notes[name].value
            assert secret not in everything(form)
            assert form.values == before
        with pytest.raises(SettingsError):
            given.save("mine")
        assert secret not in typed.save("mine").read_text()
        typed.view.inputs["prefix"].value = "other"
        assert typed.problems == {}

    @pytest.mark.parametrize("beside", ["x:y: 1", "x: 1\nx:y: 1", '"x: y": 1', '"": 1'])
    def test_secret_beside_an_unknown_name_of_any_spelling_is_shown_nowhere(self, root, beside):
        text = f"{beside}\nbucket: some-bucket\nkms_key: {KEY_ID}\n"
        (root / "parameters/odd.yaml").write_text(text)
        form = Form(NAMED, root=root)

        form.take("odd.yaml")

        assert "no such parameter" in form.status
        assert "(hidden)" in form.problems["kms_key"]
        assert KEY_ID not in everything(form)

    @pytest.mark.parametrize(
        "line", [f"kms_key: !!binary {b64encode(KEY_ID.encode()).decode()}",
                 f"workers: [!!set {{{KEY_ID}}}]", "[1, 2"],
    )  # fmt: skip
    def test_file_that_is_no_parameter_file_is_told_and_changes_nothing(self, root, line):
        (root / "parameters/odd.yaml").write_text(f"bucket: some-bucket\n{line}\n")
        form = Form(NAMED, root=root)

        form.view.taken.value = "odd.yaml"

        assert "✖ not taken: " in form.view.status.value
        assert form.view.taken.value == ""
        assert form.settings == Settings.from_mapping(NAMED)
        assert KEY_ID not in everything(form)


class TestOpenedAgain:
    """*Run All* makes the form anew, in the same kernel."""

    @pytest.fixture
    def opened(self, root, monkeypatch):
        monkeypatch.chdir(root)
        monkeypatch.setattr("xcomkit.steps.opening._OPEN", {})

        def run(namespace=NAMED, step="03_helm_values"):
            open_guide(step, namespace)
            return open_form(step, namespace)

        return run

    def test_what_was_not_saved_is_kept_and_named(self, opened):
        form = opened()
        form.change("backend", "stock")
        form.change("compression", "zip")

        again = opened()

        kept = "2 unsaved changes kept: backend, compression (Save writes them to a new file)"
        assert kept in again.view.status.value
        assert again.view.inputs["compression"].value == "zip"
        assert (again.settings.backend, again.settings.compression) == ("stock", "zip")
        again.change("prefix", "other")
        assert "3 changed" in again.status

    def test_invalid_value_is_kept_too_and_nothing_runs_with_the_one_before(self, opened):
        opened().change("bucket", "My-Bucket")

        again = opened()

        assert "1 unsaved change kept: bucket" in again.status
        with pytest.raises(SettingsError, match="'My-Bucket' is invalid"):
            _ = again.settings

    @pytest.mark.parametrize(
        "other", [{"namespace": {"bucket": "other-bucket"}}, {"step": "04_round_trip"}], ids=str
    )
    def test_nothing_is_carried_over_to_another_target_or_notebook(self, opened, other):
        opened().change("backend", "stock")

        assert opened(**other).changed == ()

    def test_file_that_was_taken_or_saved_is_said_to_be(self, opened):
        form = opened({})
        form.take("local-azure.yaml")
        form.change("prefix", "other")
        form.save("mine")

        again = opened({})

        assert (again.settings.cloud, again.settings.prefix) == ("azure", "other")
        assert "1 change kept: prefix (saved in mine.yaml)" in again.status


class TestTable:
    def test_table_holds_every_setting_of_the_cloud_and_what_differs_stands_first(self, form):
        form.change("compression", "gzip")

        names = [row[0].text for row in form.table.rows]

        assert set(names) == {name for name in Settings.model_fields if is_for(name, cloud="aws")}
        assert set(names[:2]) == {"bucket", "compression"}
        assert "the first 2 differ" in form._repr_html_()
        assert max(map(len, repr(form).splitlines())) <= 100

    @pytest.mark.parametrize("name", ["payload_file", "run_dir", "values_file", "bucket", "cloud"])
    def test_hostile_value_is_escaped_wherever_it_is_displayed(self, root, name):
        form = Form({**NAMED, name: HOSTILE}, root=root)

        assert "<script" not in form._repr_html_()
        for widget in walk(form.view.box):
            if isinstance(widget, widgets.HTML):
                assert "<script" not in widget.value

    @pytest.mark.parametrize("is_there", [False, True])
    def test_there_are_widgets_before_a_person_only_and_the_table_in_any_case(
        self, form, monkeypatch, is_there
    ):
        shell = InteractiveShell.instance()
        message = {"content": {"allow_stdin": is_there}}
        monkeypatch.setattr(shell, "get_parent", lambda: message, raising=False)

        data, _ = shell.display_formatter.format(form)

        assert ("application/vnd.jupyter.widget-view+json" in data) is is_there
        assert set(data) >= {"text/plain", "text/html"}
        assert ("view" in vars(form)) is is_there


class TestTake:
    def test_file_that_is_taken_gives_what_a_run_of_it_would(self, root, form):
        offered = [value for _, value in form.view.taken.options]
        assert offered == ["", *sorted(p.name for p in (root / "parameters").iterdir())]

        for path in PRACTICE:
            form.view.taken.value = path.name

            assert form.settings == Settings.from_yaml(path)
            assert f"taken from {path.name}" in form.view.status.value

    def test_placeholders_of_a_file_are_invalid_at_their_fields_and_can_be_filled_in(self, form):
        form.view.taken.value = "gcp.yaml"
        assert "is still a placeholder" in form.view.notes["bucket"].value

        for name in form.problems:
            form.view.inputs[name].value = {"region": "europe-west1"}.get(name, "filled-in")
        form.view.inputs["workload_pool"].value = "filled-in.svc.id.goog"

        assert form.problems == {}
        assert form.settings.project == "filled-in"

    def test_outside_a_shared_jupyterlab_nothing_is_shared(self, root, form):
        form.take("local-azure.yaml")

        assert Form({}, root=root).settings.cloud == "aws"

    @pytest.mark.parametrize("act", ["take", "save"])
    def test_in_a_shared_jupyterlab_every_notebook_uses_it_from_now_on(
        self, root, tmp_path, monkeypatch, act
    ):
        monkeypatch.setenv(VARIABLE, str(tmp_path))
        choose(root / "parameters/local-aws.yaml")
        before = Form({}, root=root)
        form = Form(NAMED | {"cloud": "gcp", "project": "some-project"}, root=root)
        if act == "take":
            form.take("local-azure.yaml")
        else:
            form.view.file_name.value = "mine"
            form.view.save.click()
            assert "Every notebook uses it from now on." in form.view.saved.value

        other = Form({}, root=root)

        assert other.settings == form.settings
        assert "uses " + ("local-azure.yaml" if act == "take" else "mine.yaml") in other.status
        assert before.settings.bucket == "xcom-runbook-local"  # as it is still displayed there


class TestSave:
    def test_file_holds_cloud_bucket_and_what_differs_and_gives_the_same_settings(self, root):
        form = Form(NAMED, root=root, notebook="01_create_bucket")
        for name, value in {
            "compression": "gzip", "workers": "a, b", "tags": "team=x, env=y", "repetitions": 5,
            "accepted": "XC205: no budget, yet; XC211: later", "apply": True, "prefix": "on",
            "payload_file": "a: b # 'c'\n\"d\" é",
        }.items():  # fmt: skip
            form.change(name, value)

        path = form.save("mine")

        assert set(read_parameters(path)) == {"cloud", "bucket", *form.changed}
        assert Settings.from_yaml(path) == form.settings
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        again = Form(read_parameters(path), root=root)
        assert (again.settings, again.changed) == (form.settings, ())

    @pytest.mark.parametrize("name", ["", "../x", ".hidden", "/etc/x", "x" * 65, "a\nb", "é"])
    def test_name_that_is_no_plain_file_name_is_invalid(self, form, root, name):
        before = sorted(root.rglob("*"))

        with pytest.raises(SettingsError, match="file name: "):
            form.save(name)

        assert sorted(root.rglob("*")) == before

    def test_what_belongs_to_one_run_is_never_written_and_nothing_that_is_invalid(self, form, root):
        form.change("confirm_delete", "some-bucket")
        form.change("run_dir", "runs/now")
        assert set(read_parameters(form.save("new"))) == {"cloud", "bucket"}
        form.change("prefix", "/")

        with pytest.raises(SettingsError, match="prefix"):
            form.save("mine")

        assert not (root / "parameters/mine.yaml").exists()

    def test_file_that_is_there_is_left_alone_and_a_new_one_is_offered_at_once(self, form, root):
        path, view = root / "parameters/local-aws.yaml", form.view
        before = path.read_bytes()
        view.file_name.value = "local-aws"
        view.save.click()
        assert "✖ not saved: local-aws.yaml: there is such a file" in view.saved.value
        assert path.read_bytes() == before

        view.file_name.value = "mine.yaml"
        view.save.click()

        assert "✔ saved: parameters/mine.yaml" in view.saved.value
        assert "mine.yaml" in [value for _, value in view.taken.options]
