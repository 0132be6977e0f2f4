import re
import stat
from base64 import b64encode
from pathlib import Path

import ipywidgets as widgets
import pytest
import yaml
from IPython.core.interactiveshell import InteractiveShell

from xcomkit.errors import SettingsError
from xcomkit.form import Form
from xcomkit.form.fields import SECTIONS, setting_fields
from xcomkit.opening import open_form
from xcomkit.parameter_file import read_parameters
from xcomkit.settings import Settings
from xcomkit.shared_target import VARIABLE, choose
from xcomkit.terms import TERMS

ROOT = Path(__file__).parents[1]
PRACTICE = sorted((ROOT / "parameters").glob("local-*.yaml"))
KEY_ID = "AK" + "IA" + "ABCDEFGHIJKLMNOP"
HOSTILE = "<script>alert(1)</script>\"'&"
NAMED = {"bucket": "some-bucket"}
NAMED_LINE = "bucket: some-bucket\n"
OF_ONE_CLOUD = {
    "aws": {"role_name", "connection_store"},
    "azure": {"subscription_id", "resource_group", "storage_account", "managed_identity"},
    "gcp": {"project", "service_account", "workload_pool"},
}
KINDS = {
    "choice": widgets.Dropdown, "number": widgets.Text, "switch": widgets.Checkbox,
    "text": widgets.Text,
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


def shown(form):
    return {name for name, row in form.view.rows.items() if row.layout.display != "none"}


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
        assert list(form.view.inputs) == list(Settings.model_fields)
        for name, shown_as in form.view.inputs.items():
            field = setting_fields()[name]
            assert type(shown_as) is KINDS[field.kind]
            assert shown_as.description.split()[0] == name
            assert shown_as.tooltip == Settings.model_fields[name].description
            assert form.view.notes[name].value

    def test_kinds_are_those_of_the_model(self):
        kinds = {name: field.kind for name, field in setting_fields().items()}

        assert {n for n, k in kinds.items() if k == "switch"} == {"apply"}
        assert {n for n, k in kinds.items() if k == "choice"} == {
            "cloud", "connection_store", "backend", "checksums", "compression", "encryption",
            "run_in", "fault_depth",
        }  # fmt: skip
        assert "repetitions" in {n for n, k in kinds.items() if k == "number"}

    def test_each_stands_in_one_section_and_no_section_is_empty(self, form):
        inside = [w for body in form.view.bodies.values() for w in walk(body)]

        assert {field.section for field in setting_fields().values()} == set(SECTIONS)
        assert all(inside.count(shown_as) == 1 for shown_as in form.view.inputs.values())

    def test_units_and_bounds_stand_in_words(self, form):
        assert form.view.inputs["threshold"].description == "threshold (bytes)"
        assert "(1 to 50)" in form.view.notes["repetitions"].value
        assert "(1 to 36500)" in form.view.notes["noncurrent_days"].value

    def test_everything_one_can_act_on_says_what_it_is(self, form):
        inert = (widgets.HTML, widgets.VBox)
        assert all(w.description for w in walk(form.view.box) if not isinstance(w, inert))

    def test_section_opens_by_a_button_that_says_its_state(self, form):
        head, body = form.view.heads["proof"], form.view.bodies["proof"]
        assert head.description.endswith("(closed)")
        assert body.layout.display == "none"

        head.value = True

        assert head.description.endswith("(open)")
        assert body.layout.display is None

    def test_refusal_opens_its_section(self, form):
        form.view.inputs["repetitions"].value = "0"

        assert form.view.heads["proof"].description.endswith("(open, 1 refused)")

    def test_number_with_a_unit_is_refused_and_not_cut_to_its_digits(self, form):
        form.view.inputs["threshold"].value = "1MB"
        assert form.refusals == {"threshold": headless(**NAMED, threshold="1MB")}

        form.view.inputs["threshold"].value = "1000000"

        assert form.values["threshold"] == 1_000_000


class TestClouds:
    @pytest.mark.parametrize("cloud", TERMS)
    def test_only_the_fields_of_the_cloud_are_shown(self, form, cloud):
        form.view.inputs["cloud"].value = cloud

        for owner, names in OF_ONE_CLOUD.items():
            assert bool(names & shown(form)) is (owner == cloud)
        assert ("oidc_issuer" in shown(form)) is (cloud != "gcp")
        assert {"", *TERMS[cloud].encryptions} == {
            choice for _, choice in form.view.inputs["encryption"].options
        }

    @pytest.mark.parametrize("cloud", TERMS)
    def test_cloud_chosen_on_the_stand_in_brings_its_practice_target(self, root, cloud):
        form = Form({}, root=root)

        form.change("cloud", cloud)

        assert form.settings == Settings.from_yaml(ROOT / f"parameters/local-{cloud}.yaml")

    def test_usual_values_follow_the_cloud_and_chosen_ones_stay(self, form):
        form.change("prefix", "mine")
        form.change("cloud", "gcp")

        assert form.values["encryption"] == ""
        assert form.values["connection_id"] == "google_cloud_default"
        assert (form.values["bucket"], form.values["prefix"]) == ("some-bucket", "mine")

    def test_refused_field_of_another_cloud_is_shown_all_the_same(self, root):
        form = Form({**NAMED, "project": "X"}, root=root)

        assert "project" in shown(form)

    def test_leaving_the_stand_in_switches_apply_off(self, root):
        form = Form({}, root=root)
        assert form.view.inputs["apply"].value is True

        form.view.inputs["endpoint_url"].value = ""

        assert form.view.inputs["apply"].value is False
        assert form.settings.apply is False


WRONG = [
    ("bucket", "Upper"), ("bucket", ""), ("prefix", "/xcom/"), ("region", "EU"), ("workers", "a,a"),
    ("endpoint_url", "ftp://x"), ("retention_days", 0), ("threshold", "1MB"), ("tags", "x"),
    ("compression", "snappy"), ("cloud", "oracle"), ("repetitions", 51), ("payload_sizes", "5"),
    ("accepted", "XC1: no"), ("encryption", "sse-kms"), ("noncurrent_days", 40_000),
    ("payload_callable", "x"), ("role_name", "<role>"), ("kms_key", KEY_ID), ("apply", "maybe"),
    ("token_variable", "eyJhbGci"), ("deployment", "https://u:hunter2@example.com"),
    ("role_name", ""), ("connection_id", "a@b"), ("compression", None),
]  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize(("name", "value"), WRONG)
    def test_message_is_that_of_a_run_without_form(self, form, name, value):
        message = headless(**{**NAMED, name: value})

        form.change(name, value)

        assert form.refusals[message.partition(":")[0]] == message
        assert message in form.status

    # without a bucket, nobody named a target and there is nothing to refuse
    @pytest.mark.parametrize(("name", "value"), [row for row in WRONG if row != ("bucket", "")])
    def test_refused_parameters_are_shown_for_mending_and_refused_by_the_settings(
        self, root, name, value
    ):
        form = Form({**NAMED, name: value}, root=root)
        assert form.view.inputs[name].description
        with pytest.raises(SettingsError) as caught:
            _ = form.settings
        with pytest.raises(SettingsError) as without:
            Settings.from_notebook({**NAMED, name: value}, root=root)

        assert str(caught.value) == str(without.value)

    def test_message_stands_at_the_field_and_goes_with_its_cause(self, form):
        message = headless(**NAMED, prefix="/xcom/")
        form.view.inputs["prefix"].value = "/xcom/"
        assert "✖ refused" in form.view.notes["prefix"].value
        assert message.split("'")[2] in form.view.notes["prefix"].value

        form.view.inputs["prefix"].value = "xcom"

        assert form.refusals == {}
        assert "refused" not in form.view.notes["prefix"].value + form.view.status.value

    def test_several_refusals_are_told_at_once(self, form):
        form.change("prefix", "/")
        form.change("region", "EU")

        assert set(form.refusals) == {"prefix", "region"}
        assert "1 more below" in form.status

    def test_name_that_only_a_typo_could_have_put_there_is_refused_as_without_form(self, root):
        form = Form({**NAMED, "buckt": "x"}, root=root)
        form.change("prefix", "other")

        assert "buckt: no such parameter; did you mean bucket?" in form.status
        with pytest.raises(SettingsError, match="did you mean bucket"):
            _ = form.settings


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

    def test_form_leaves_the_namespace_of_the_notebook_alone(self, root):
        namespace = dict(NAMED)
        form = Form(namespace, root=root)

        form.change("bucket", "another-bucket")

        assert namespace == NAMED

    def test_value_that_no_line_can_hold_is_kept_and_not_offered_for_typing(self, root):
        tags = {"team": "a, b"}
        form = Form({**NAMED, "tags": tags}, root=root)
        assert form.view.inputs["tags"].disabled

        form.change("prefix", "other")

        assert form.settings.tags == tags

    def test_form_opens_where_the_step_would(self, root, monkeypatch):
        (root / "notebooks").mkdir()
        monkeypatch.chdir(root / "notebooks")

        assert open_form({}).settings.is_embedded

    @pytest.mark.parametrize(
        "odd", [None, 0, 1.5, True, "\0", [], {}, ["a", ["b"]], {"a": {"b": 1}}]
    )
    def test_odd_parameter_of_any_name_is_judged_without_a_traceback(self, root, odd):
        for name in Settings.model_fields:
            form = Form({name: odd}, root=root)
            assert form.status.startswith(("✔", "✖"))
            assert form.status in repr(form)
            assert "<table>" in form._repr_html_()

    def test_missing_practice_file_is_told_by_the_settings(self, tmp_path):
        form = Form({}, root=tmp_path)

        with pytest.raises(SettingsError, match="No such file") as caught:
            _ = form.settings

        assert str(caught.value.args[0]) in form.status

    def test_file_that_could_not_be_read_is_told_as_without_form_until_something_is_changed(
        self, root
    ):
        path = root / "parameters/local-aws.yaml"
        path.write_text("[1, 2")
        with pytest.raises(SettingsError) as without:
            Settings.from_notebook({}, root=root)
        form = Form({}, root=root)
        path.write_text("bucket: mended-later")

        for _ in range(2):
            with pytest.raises(SettingsError) as caught:
                _ = form.settings
            assert str(caught.value) == str(without.value)
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
            assert form.settings.to_parameters() == form.values
        assert taken.settings.bucket == "read-then"

    def test_number_that_is_none_is_refused_and_changes_nothing(self, root):
        form = Form({**NAMED, "cloud": float("nan")}, root=root)

        assert "cloud: nan is refused" in form.view.notes["cloud"].value
        assert form.view.inputs["cloud"].value == "nan"
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
            assert form.status in everything(form)


class TestSwitches:
    def test_apply_says_in_words_what_it_does_and_where(self, form):
        off = "OFF: plans are shown only, unless the switch below a plan is turned on"
        assert off in form.view.notes["apply"].value

        form.view.inputs["apply"].value = True

        assert "ON: " in form.view.notes["apply"].value
        assert "some-bucket on aws" in form.view.notes["apply"].value

    def test_deletion_is_announced_only_for_the_name_with_apply(self, form):
        note = form.view.notes["confirm_delete"]
        assert "asks for the name: some-bucket" in note.value
        form.view.inputs["confirm_delete"].value = "other"
        assert "this is not the name" in note.value
        form.view.inputs["confirm_delete"].value = "some-bucket"
        assert "while apply is off, unless the switch in step 07 is turned on" in note.value

        form.view.inputs["apply"].value = True

        assert "will DELETE some-bucket on aws" in note.value


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

        form.view.inputs["kms_key"].value = "x"
        form.view.inputs["kms_key"].value = ""

        assert form.refusals == {}

    @pytest.mark.parametrize("beside", ["x:y: 1", "x: 1", "x: 1\nx:y: 1", '"x: y": 1', '"": 1'])
    def test_secret_beside_an_unknown_name_of_any_spelling_is_shown_nowhere(self, root, beside):
        (root / "parameters/odd.yaml").write_text(f"{beside}\n{NAMED_LINE}kms_key: {KEY_ID}\n")
        form = Form(NAMED, root=root)

        form.view.taken.value = "odd.yaml"

        assert "no such parameter" in form.status
        assert "(hidden)" in form.refusals["kms_key"]
        assert KEY_ID not in everything(form)

    @pytest.mark.parametrize(
        "line",
        [f"kms_key: !!binary {b64encode(KEY_ID.encode()).decode()}", f"workers: !!set {{{KEY_ID}}}",
         f"workers: [!!set {{{KEY_ID}}}]"],
    )  # fmt: skip
    def test_secret_in_a_kind_that_only_yaml_can_spell_is_shown_nowhere(self, root, line):
        (root / "parameters/odd.yaml").write_text(f"{NAMED_LINE}{line}\n")
        form = Form(NAMED, root=root)

        form.view.taken.value = "odd.yaml"

        assert "✖ not taken: " in form.view.status.value
        assert "no tags, write the value itself" in form.view.status.value
        assert KEY_ID not in everything(form)


class TestTable:
    def test_table_holds_every_setting_of_the_cloud_and_what_differs_stands_first(self, form):
        form.change("compression", "gzip")
        html, text = form._repr_html_(), repr(form)

        for name in shown(form):
            assert f">{name}" in html
            assert name in text
        first, _, folded = html.partition("<details>")
        assert ">gzip<" in first
        assert ">some-bucket<" in first
        assert ">repetitions<" in folded
        assert "<script" not in html
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
    @pytest.mark.parametrize("name", [path.name for path in PRACTICE])
    def test_file_that_is_taken_gives_what_a_run_of_it_would(self, root, form, name):
        form.view.taken.value = name

        assert form.settings == Settings.from_yaml(root / "parameters" / name)
        assert form.changed == ()
        assert f"taken from {name}" in form.view.status.value
        assert shown(form) >= OF_ONE_CLOUD[form.values["cloud"]] - {"connection_store"}

    def test_every_file_is_offered_and_the_notebooks_own_comes_first(self, root, form):
        offered = [value for _, value in form.view.taken.options]

        assert offered == ["", *sorted(p.name for p in (root / "parameters").iterdir())]

    def test_placeholders_of_a_file_are_refused_at_their_fields_and_can_be_filled_in(self, form):
        form.view.taken.value = "gcp.yaml"
        assert "is still a placeholder" in form.view.notes["bucket"].value

        for field in ("bucket", "project", "region", "workload_pool", "namespace",
                      "resource_name_prefix"):  # fmt: skip
            form.view.inputs[field].value = {"region": "europe-west1"}.get(field, "filled-in")
        form.view.inputs["workload_pool"].value = "filled-in.svc.id.goog"

        assert form.refusals == {}
        assert form.settings.project == "filled-in"

    def test_going_back_shows_what_the_notebook_opened_with(self, form):
        form.view.taken.value = "local-azure.yaml"
        form.view.taken.value = ""

        assert form.settings == Settings.from_mapping(NAMED)

    def test_file_that_is_no_parameter_file_is_told_and_changes_nothing(self, root):
        (root / "parameters/odd.yaml").write_text("[1, 2")
        form = Form(NAMED, root=root)

        form.view.taken.value = "odd.yaml"

        assert "✖ not taken: " in form.view.status.value
        assert form.view.taken.value == ""
        assert form.settings == Settings.from_mapping(NAMED)

    def test_secret_in_a_file_is_refused_and_shown_nowhere(self, root):
        (root / "parameters/odd.yaml").write_text(f"bucket: {KEY_ID}\n")
        form = Form(NAMED, root=root)

        form.view.taken.value = "odd.yaml"

        assert "✖ refused: bucket: (hidden)" in form.view.status.value
        assert KEY_ID not in everything(form)

    def test_outside_a_shared_jupyterlab_nothing_is_shared(self, root, form):
        form.view.taken.value = "local-azure.yaml"

        assert Form({}, root=root).settings.cloud == "aws"

    @pytest.mark.parametrize("act", ["take", "save"])
    def test_in_a_shared_jupyterlab_every_notebook_uses_it_from_now_on(
        self, root, tmp_path, monkeypatch, act
    ):
        monkeypatch.setenv(VARIABLE, str(tmp_path))
        form = Form(NAMED | {"cloud": "gcp", "project": "some-project"}, root=root)
        if act == "take":
            form.view.taken.value = "local-azure.yaml"
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
        form.take("")

        assert form.settings == before
        assert form.values == before.to_parameters()
        assert Form({}, root=shared).settings == before

    def test_what_another_notebook_takes_is_not_used_by_a_form_that_shows_something_else(
        self, shared
    ):
        form = Form({}, root=shared)
        Form({}, root=shared).take("my own.yaml")

        assert "uses local-aws.yaml" in form.status
        assert form.settings.to_parameters() == form.values

        assert Form({}, root=shared).settings.bucket == "my-own"

    def test_file_is_told_by_its_whole_name(self, shared):
        Form({}, root=shared).take("my own.yaml")

        assert "so it uses my own.yaml." in Form({"threshold": 7}, root=shared).status


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
            form.save(name, replace=True)

        assert sorted(root.rglob("*")) == before

    def test_file_that_is_there_is_left_alone_until_somebody_agrees(self, form, root):
        path = root / "parameters/local-aws.yaml"
        before = path.read_bytes()
        with pytest.raises(SettingsError, match="there is such a file"):
            form.save("local-aws")
        assert path.read_bytes() == before

        assert Settings.from_yaml(form.save("local-aws.yaml", replace=True)) == form.settings

    @pytest.mark.parametrize("stem", ["local-aws", "local-gcp", "aws"])
    def test_comments_order_and_untouched_lines_of_a_file_stay(self, form, root, stem):
        path = root / f"parameters/{stem}.yaml"
        before = path.read_text()
        form.change("threshold", 5)

        form.save(stem, replace=True)
        after = path.read_text()

        comments = re.findall(r"#.*", before)
        assert [c for c in re.findall(r"#.*", after) if c in comments] == comments
        assert "\nthreshold: 5\n" in after
        assert "\nworkers: default-worker" in after
        assert list(yaml.safe_load(after))[: len(yaml.safe_load(before))] == list(
            yaml.safe_load(before)
        )

    def test_line_ends_and_a_missing_last_one_are_kept(self, form, root):
        path = root / "parameters/mine.yaml"
        path.write_bytes(b"bucket: old-one # why\r\npod:\r\nprefix: xcom")
        form.change("pod", "deployment/x")
        form.change("repetitions", 4)

        form.save("mine", replace=True)

        assert path.read_bytes() == (
            b"bucket: some-bucket # why\r\npod: deployment/x\r\nprefix: xcom\r\n"
            b"cloud: aws\r\nrepetitions: 4\r\n"
        )

    @pytest.mark.parametrize(
        "text",
        ["bucket: >\n  old-one\n", "workers:\n- a\n# why\n- b\n", "{bucket: old-one}\n",
         "bucket: old-one\n...\n"],
    )  # fmt: skip
    def test_file_whose_shape_would_be_a_guess_is_refused_and_untouched(self, form, root, text):
        path = root / "parameters/mine.yaml"
        path.write_text(text)
        form.change("repetitions", 4)

        with pytest.raises(SettingsError, match="give another name"):
            form.save("mine", replace=True)

        assert path.read_text() == text
        assert not list(path.parent.glob(".*"))

    def test_what_belongs_to_one_run_is_never_written(self, form):
        form.change("confirm_delete", "some-bucket")
        form.change("run_dir", "runs/now")

        assert set(read_parameters(form.save("new"))) == {"cloud", "bucket"}

    def test_what_belongs_to_one_run_is_emptied_in_a_file_that_had_it(self, form, root):
        """The next notebook that takes the file would delete, though the form said otherwise."""
        (root / "parameters/old.yaml").write_text(
            "bucket: some-bucket\nconfirm_delete: some-bucket # gone soon\nrun_dir: 'runs/x'\n"
        )

        text = form.save("old", replace=True).read_text()

        assert "confirm_delete: '' # gone soon\nrun_dir: ''\n" in text

    def test_refused_settings_are_not_saved(self, form, root):
        form.change("prefix", "/")

        with pytest.raises(SettingsError, match="prefix"):
            form.save("mine")

        assert not (root / "parameters/mine.yaml").exists()

    def test_button_says_in_words_what_became_of_it(self, form, root):
        view = form.view
        view.file_name.value = "local-aws"
        view.save.click()
        assert "✖ not saved: local-aws.yaml: there is such a file" in view.saved.value

        view.file_name.value = "mine"
        view.save.click()

        assert "✔ saved: parameters/mine.yaml" in view.saved.value
        assert (root / "parameters/mine.yaml").is_file()

    def test_saved_file_is_offered_at_once_and_the_one_that_was_taken_stays(self, form, root):
        view = form.view
        view.taken.value = "local-azure.yaml"
        view.inputs["threshold"].value = "7"
        view.file_name.value = "another"
        (root / "parameters/local-azure.yaml").unlink()

        view.save.click()

        assert "another.yaml" in [value for _, value in view.taken.options]
        assert view.taken.value == "local-azure.yaml"
        assert form.changed == ("threshold",)
        assert "✔ saved" in view.saved.value
