import stat
from base64 import b64encode
from pathlib import Path

import ipywidgets as widgets
import pytest
from IPython.core.interactiveshell import InteractiveShell

from xcomkit.findings.errors import SettingsError
from xcomkit.notebook.form import Form
from xcomkit.notebook.form.fields import SECTIONS, setting_fields
from xcomkit.settings.parameter_file import read_parameters
from xcomkit.settings.settings import Settings
from xcomkit.settings.shared_target import VARIABLE, choose
from xcomkit.settings.terms import TERMS
from xcomkit.steps.opening import open_form

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


class TestWidgets:
    def test_every_setting_has_a_widget_of_its_kind_with_name_and_help(self, form):
        kinds = dict.fromkeys(CHOICES, widgets.Dropdown) | {"apply": widgets.Checkbox}

        for name, info in Settings.model_fields.items():
            shown_as = form.view.inputs[name]
            assert type(shown_as) is kinds.get(name, widgets.Text)
            assert (shown_as.description, shown_as.tooltip) == (name, info.description)
            assert form.view.notes[name].value

    def test_each_stands_in_one_section_and_everything_one_can_act_on_says_what_it_is(self, form):
        inside = [w for body in form.view.bodies.values() for w in walk(body)]
        inert = (widgets.HTML, widgets.VBox)

        assert {field.section for field in setting_fields().values()} == set(SECTIONS)
        assert all(inside.count(shown_as) == 1 for shown_as in form.view.inputs.values())
        assert all(w.description for w in walk(form.view.box) if not isinstance(w, inert))

    def test_section_opens_by_a_button_that_says_its_state_and_for_a_refusal(self, form):
        head, body = form.view.heads["proof"], form.view.bodies["proof"]
        assert head.description.endswith("(closed)")
        assert body.layout.display == "none"

        form.view.inputs["repetitions"].value = "0"

        assert head.description.endswith("(open, 1 refused)")
        assert body.layout.display is None

    @pytest.mark.parametrize(("word", "is_on"), [("yes", True), ("false", False), ("maybe", False)])
    def test_switch_stands_as_the_model_reads_it(self, root, word, is_on):
        form = Form({**NAMED, "apply": word}, root=root)

        assert form.view.inputs["apply"].value is is_on
        assert word == "maybe" or form.settings.apply is is_on

    def test_message_stands_at_the_field_and_goes_with_its_cause(self, form):
        form.view.inputs["threshold"].value = "1MB"
        assert "✖ refused: threshold: &#x27;1MB&#x27;" in form.view.notes["threshold"].value

        form.view.inputs["threshold"].value = "1000000"

        assert form.settings.threshold == 1_000_000
        assert "refused" not in form.view.notes["threshold"].value + form.view.status.value

    @pytest.mark.parametrize("cloud", TERMS)
    def test_only_the_fields_of_the_cloud_are_shown(self, form, cloud):
        form.view.inputs["cloud"].value = cloud
        shown = {n for n, row in form.view.rows.items() if row.layout.display != "none"}

        for owner, names in OF_ONE_CLOUD.items():
            assert bool(names & shown) is (owner == cloud)
        assert ("oidc_issuer" in shown) is (cloud != "gcp")
        assert {"", *TERMS[cloud].encryptions} == {
            choice for _, choice in form.view.inputs["encryption"].options
        }

    def test_refused_field_of_another_cloud_is_shown_all_the_same(self, root):
        assert "project" in Form({**NAMED, "project": "X"}, root=root).shown

    def test_apply_and_deletion_say_in_words_what_they_do_and_where(self, form):
        inputs, notes = form.view.inputs, form.view.notes
        assert "OFF: plans are shown only" in notes["apply"].value
        assert "asks for the name: some-bucket" in notes["confirm_delete"].value
        inputs["confirm_delete"].value = "other"
        assert "this is not the name" in notes["confirm_delete"].value
        inputs["confirm_delete"].value = "some-bucket"
        assert "while apply is off, unless the switch in step 07" in notes["confirm_delete"].value

        inputs["apply"].value = True

        assert "ON: " in notes["apply"].value
        assert "some-bucket on aws" in notes["apply"].value
        assert "will DELETE some-bucket on aws" in notes["confirm_delete"].value


WRONG = [
    ("bucket", "Upper"), ("bucket", ""), ("prefix", "/xcom/"), ("region", "EU"), ("workers", "a,a"),
    ("endpoint_url", "ftp://x"), ("retention_days", 0), ("threshold", "1MB"), ("tags", "x"),
    ("compression", "snappy"), ("cloud", "oracle"), ("repetitions", 51), ("payload_sizes", "5"),
    ("accepted", "XC1: no"), ("encryption", "sse-kms"), ("noncurrent_days", 40_000),
    ("payload_callable", "x"), ("role_name", "<role>"), ("kms_key", KEY_ID), ("apply", "maybe"),
    ("token_variable", "eyJhbGci"), ("deployment", "https://u:hunter2@example.com"),
    ("role_name", ""), ("connection_id", "a@b"), ("compression", None), ("buckt", "x"),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("name", "value"), [row for row in WRONG if row[0] != "buckt"])
    def test_message_is_that_of_a_run_without_form(self, form, name, value):
        message = headless(**{**NAMED, name: value})

        form.change(name, value)

        assert form.refusals[message.partition(":")[0]] == message
        assert message in form.status

    # without a bucket, nobody named a target and there is nothing to refuse
    @pytest.mark.parametrize(("name", "value"), [row for row in WRONG if row != ("bucket", "")])
    def test_refused_parameters_can_be_fixed_and_are_refused_by_the_settings(
        self, root, name, value
    ):
        form = Form({**NAMED, name: value}, root=root)
        with pytest.raises(SettingsError) as caught:
            _ = form.settings
        with pytest.raises(SettingsError) as without:
            Settings.from_notebook({**NAMED, name: value}, root=root)

        assert str(caught.value) == str(without.value)
        if name in form.values:
            form.change(name, Settings(bucket="some-bucket").to_parameters()[name])
            assert form.refusals == {} or name == "bucket"

    def test_several_refusals_are_told_at_once(self, form):
        form.change("prefix", "/")
        form.change("region", "EU")

        assert set(form.refusals) == {"prefix", "region"}
        assert "1 more below" in form.status

    @pytest.mark.parametrize(
        "odd", [None, 0, 1.5, float("nan"), True, "\0", [], {}, ["a", ["b"]], {"a": {"b": 1}}]
    )
    def test_odd_parameter_of_any_name_is_judged_without_a_traceback(self, root, odd):
        for name in Settings.model_fields:
            assert Form({name: odd}, root=root).status.startswith(("✔", "✖"))
        everywhere = Form(dict.fromkeys(Settings.model_fields, odd), root=root)
        assert everywhere.status in repr(everywhere)
        assert "<table>" in everywhere._repr_html_()

    @pytest.mark.parametrize("name", ["cloud", "encryption", "apply", "tags"])
    def test_odd_value_has_a_widget_in_which_it_is_fixed(self, root, name):
        form = Form({**NAMED, name: float("nan")}, root=root)

        assert f"{name}: nan is refused" in form.view.notes[name].value
        assert form.changed == ()

    @pytest.mark.parametrize("name", ["bucket", "workers", "tags", "cloud", "typo"])
    def test_value_that_no_line_could_show_is_refused_and_not_shown(self, root, name):
        endless, deep, aliased = [], [], {}
        endless.append(endless)
        aliased["a"] = aliased
        for _ in range(5000):
            deep = [deep]
        for odd in (endless, deep, aliased, 2**50_000):
            form = Form({**NAMED, name: odd}, root=root)

            assert form.refusals[name].startswith(f"{name}: (hidden) is refused: accepted are")
            assert form.status in f"{form!r} {form._repr_html_()}"


class TestSettings:
    @pytest.mark.parametrize("path", PRACTICE, ids=lambda path: path.stem)
    def test_untouched_form_gives_what_the_parameters_give(self, root, path):
        given = Settings.from_yaml(path).to_parameters()

        assert Form(given, root=root).settings == Settings.from_notebook(given, root=root)

    def test_widgets_that_nobody_touched_change_nothing(self, root):
        form = Form({}, root=root)
        _ = form.view

        assert form.changed == ()
        assert form.settings == Settings.from_notebook({}, root=root)

    def test_change_reaches_the_settings_and_going_back_undoes_it(self, form):
        form.view.inputs["compression"].value = "gzip"
        form.view.inputs["workers"].value = "a, b"
        assert form.changed == ("compression", "workers")
        assert (form.settings.compression, form.settings.workers) == ("gzip", ("a", "b"))
        assert "run the cells below again" in form.view.status.value

        form.view.inputs["compression"].value = "none"
        form.view.inputs["workers"].value = "default-worker"

        assert form.changed == ()

    def test_value_that_no_line_can_hold_is_kept_while_nobody_types_another(self, root):
        tags = {"team": "a, b"}
        namespace = {**NAMED, "tags": tags}
        form = Form(namespace, root=root)
        _ = form.view

        form.change("prefix", "other")

        assert form.settings.tags == tags
        assert namespace == {**NAMED, "tags": tags}

    def test_leaving_the_stand_in_switches_apply_off(self, root):
        form = Form({}, root=root)
        assert form.view.inputs["apply"].value is True

        form.view.inputs["endpoint_url"].value = ""

        assert form.view.inputs["apply"].value is False
        assert form.settings.apply is False

    def test_another_cloud_has_its_own_usual_values(self, form):
        form.change("cloud", "gcp")
        form.change("project", "some-project")

        assert form.settings.region == "europe-west1"
        assert form.settings.connection_id == "google_cloud_default"

    def test_form_opens_where_the_step_would(self, root, monkeypatch):
        (root / "notebooks").mkdir()
        monkeypatch.chdir(root / "notebooks")

        assert open_form({}).settings.is_embedded

    @pytest.mark.parametrize("text", [None, "[1, 2"])
    def test_file_that_could_not_be_read_is_told_as_without_form_until_something_is_changed(
        self, root, text
    ):
        path = root / "parameters/local-aws.yaml"
        path.write_text(text) if text else path.unlink()
        with pytest.raises(SettingsError) as without:
            Settings.from_notebook({}, root=root)
        form = Form({}, root=root)
        path.write_text("bucket: mended-later")

        for _ in range(2):
            with pytest.raises(SettingsError) as caught:
                _ = form.settings
            assert str(caught.value) == str(without.value)
        assert str(without.value.args[0]) in form.status
        form.change("bucket", "some-bucket")

        assert form.settings.bucket == "some-bucket"

    def test_file_is_used_as_it_was_when_it_was_read(self, root):
        path = root / "parameters/mine.yaml"
        path.write_text("bucket: read-then\n")
        taken = Form({}, root=root)
        taken.take("mine.yaml")
        opened = Form({}, root=root)

        for changed in (path, root / "parameters/local-aws.yaml"):
            changed.write_text("bucket: changed-since\napply: true\n")

        for form in (taken, opened):
            assert form.settings == Settings.from_mapping(form.values)
        assert taken.settings.bucket == "read-then"


class TestSecrets:
    @pytest.mark.parametrize(
        ("name", "secret"),
        [("kms_key", KEY_ID), ("tags", f"a={KEY_ID}"), ("token_variable", "eyJhbGciOiJIUzI1NiJ9"),
         ("deployment", "https://u:hunter2@example.com/")],
    )  # fmt: skip
    def test_secret_is_refused_and_in_nothing_that_is_shown_kept_or_written(
        self, root, name, secret
    ):
        typed = Form(NAMED, root=root)
        before = typed.values
        typed.view.inputs[name].value = secret
        given = Form({**NAMED, name: secret}, root=root)

        for form in (typed, given):
            assert "(hidden) is refused" in form.view.notes[name].value
            assert secret not in everything(form)
            assert form.values == before
        with pytest.raises(SettingsError):
            given.save("mine")
        assert secret not in typed.save("mine").read_text()

    def test_refusal_of_a_secret_goes_with_the_next_value(self, form):
        form.view.inputs["kms_key"].value = KEY_ID

        form.view.inputs["prefix"].value = "other"

        assert form.refusals == {}

    @pytest.mark.parametrize("beside", ["x:y: 1", "x: 1", "x: 1\nx:y: 1", '"x: y": 1', '"": 1'])
    def test_secret_beside_an_unknown_name_of_any_spelling_is_shown_nowhere(self, root, beside):
        (root / "parameters/odd.yaml").write_text(
            f"{beside}\nbucket: some-bucket\nkms_key: {KEY_ID}\n"
        )
        form = Form(NAMED, root=root)

        form.take("odd.yaml")

        assert "no such parameter" in form.status
        assert "(hidden)" in form.refusals["kms_key"]
        assert KEY_ID not in everything(form)

    @pytest.mark.parametrize(
        "line",
        [f"kms_key: !!binary {b64encode(KEY_ID.encode()).decode()}", f"workers: !!set {{{KEY_ID}}}",
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


class TestTable:
    def test_table_holds_every_setting_of_the_cloud_and_what_differs_stands_first(self, form):
        form.change("compression", "gzip")
        html, text = form._repr_html_(), repr(form)

        for name, field in setting_fields().items():
            assert (f">{name}<" in html) is field.is_for("aws")
        first, _, folded = html.partition("<details>")
        assert ">gzip<" in first
        assert ">some-bucket<" in first
        assert ">repetitions<" in folded
        assert max(map(len, text.splitlines())) <= 100

    @pytest.mark.parametrize("name", ["payload_file", "run_dir", "values_file", "bucket", "cloud"])
    def test_hostile_value_is_escaped_wherever_it_is_shown(self, root, name):
        form = Form({**NAMED, name: HOSTILE}, root=root)

        assert "<script" not in form._repr_html_()
        for shown_as in walk(form.view.box):
            if isinstance(shown_as, widgets.HTML):
                assert "<script" not in shown_as.value

    def test_without_a_person_there_is_a_table_and_not_one_widget(self, form):
        data, _ = InteractiveShell.instance().display_formatter.format(form)

        assert set(data) == {"text/plain", "text/html"}
        assert "view" not in vars(form)

    def test_before_a_person_there_are_widgets_and_the_table_beside_them(self, form, monkeypatch):
        shell = InteractiveShell.instance()
        for is_there in (False, True):
            message = {"content": {"allow_stdin": is_there}}
            monkeypatch.setattr(shell, "get_parent", lambda m=message: m, raising=False)
            data, _ = shell.display_formatter.format(form)

            assert ("application/vnd.jupyter.widget-view+json" in data) is is_there
            assert "text/html" in data


class TestTake:
    def test_file_that_is_taken_gives_what_a_run_of_it_would(self, root, form):
        offered = [value for _, value in form.view.taken.options]
        assert offered == ["", *sorted(p.name for p in (root / "parameters").iterdir())]

        for path in PRACTICE:
            form.view.taken.value = path.name

            assert form.settings == Settings.from_yaml(path)
            assert form.changed == ()
            assert f"taken from {path.name}" in form.view.status.value
        form.view.taken.value = ""
        assert form.settings == Settings.from_mapping(NAMED)

    def test_placeholders_of_a_file_are_refused_at_their_fields_and_can_be_filled_in(self, form):
        form.view.taken.value = "gcp.yaml"
        assert "is still a placeholder" in form.view.notes["bucket"].value

        for field in ("bucket", "project", "region", "workload_pool", "namespace",
                      "resource_name_prefix"):  # fmt: skip
            form.view.inputs[field].value = {"region": "europe-west1"}.get(field, "filled-in")
        form.view.inputs["workload_pool"].value = "filled-in.svc.id.goog"

        assert form.refusals == {}
        assert form.settings.project == "filled-in"

    def test_outside_a_shared_jupyterlab_nothing_is_shared(self, root, form):
        form.take("local-azure.yaml")

        assert Form({}, root=root).settings.cloud == "aws"

    @pytest.mark.parametrize("act", ["take", "save"])
    def test_in_a_shared_jupyterlab_every_notebook_uses_it_from_now_on(
        self, root, tmp_path, monkeypatch, act
    ):
        monkeypatch.setenv(VARIABLE, str(tmp_path))
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

    @pytest.fixture
    def shared(self, root, tmp_path, monkeypatch):
        """Two parameter files in a shared JupyterLab; the practice target is chosen."""
        monkeypatch.setenv(VARIABLE, str(tmp_path))
        (root / "parameters/my own.yaml").write_text("bucket: my-own\napply: true\n")
        choose(root / "parameters/local-aws.yaml")
        return root

    def test_going_back_makes_the_file_this_notebook_opened_with_that_of_all_again(self, shared):
        form = Form({}, root=shared)
        before = form.settings

        form.take("my own.yaml")
        assert "so it uses my own.yaml." in Form({"threshold": 7}, root=shared).status
        form.take("")

        assert form.settings == before
        assert Form({}, root=shared).settings == before

    def test_what_another_notebook_takes_is_not_used_by_a_form_that_shows_something_else(
        self, shared
    ):
        form = Form({}, root=shared)
        Form({}, root=shared).take("my own.yaml")

        assert "uses local-aws.yaml" in form.status
        assert form.settings == Settings.from_mapping(form.values)
        assert Form({}, root=shared).settings.bucket == "my-own"


class TestSave:
    def test_file_holds_cloud_bucket_and_what_differs_and_gives_the_same_settings(self, form):
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

    @pytest.mark.parametrize("path", PRACTICE, ids=lambda path: path.stem)
    def test_saved_target_can_be_loaded_into_a_form_again(self, root, path):
        form = Form(read_parameters(path), root=root)
        form.change("threshold", 10)

        again = Form(read_parameters(form.save("mine")), root=root)

        assert again.settings == form.settings
        assert again.changed == ()

    @pytest.mark.parametrize(
        "name", ["", " ", "../x", "a/b", ".hidden", "/etc/x", "a\\b", "x" * 65, "a\nb", "é"]
    )
    def test_name_that_is_no_plain_file_name_is_refused(self, form, root, name):
        before = sorted(root.rglob("*"))

        with pytest.raises(SettingsError, match="file name: "):
            form.save(name)

        assert sorted(root.rglob("*")) == before

    def test_what_belongs_to_one_run_is_never_written(self, form):
        form.change("confirm_delete", "some-bucket")
        form.change("run_dir", "runs/now")

        assert set(read_parameters(form.save("new"))) == {"cloud", "bucket"}

    def test_refused_settings_are_not_saved(self, form, root):
        form.change("prefix", "/")

        with pytest.raises(SettingsError, match="prefix"):
            form.save("mine")

        assert not (root / "parameters/mine.yaml").exists()

    def test_file_that_is_there_is_left_alone_and_a_new_one_is_offered_at_once(self, form, root):
        path, view = root / "parameters/local-aws.yaml", form.view
        before = path.read_bytes()
        view.taken.value = "local-azure.yaml"
        view.inputs["threshold"].value = "7"
        view.file_name.value = "local-aws"
        view.save.click()
        assert "✖ not saved: local-aws.yaml: there is such a file" in view.saved.value
        assert path.read_bytes() == before

        view.file_name.value = "mine.yaml"
        view.save.click()

        assert "✔ saved: parameters/mine.yaml" in view.saved.value
        assert "mine.yaml" in [value for _, value in view.taken.options]
        assert view.taken.value == "local-azure.yaml"
        assert form.changed == ("threshold",)
