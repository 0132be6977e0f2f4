from xcomkit.settings import shared_target
from xcomkit.settings.settings import Settings


def lab(monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv(shared_target.VARIABLE, str(home))
    folder = tmp_path / "parameters"
    folder.mkdir()
    for cloud in ("aws", "azure"):
        text = f"cloud: {cloud}\nbucket: practice-{cloud}\n"
        text += (
            "subscription_id: 11111111-2222-3333-4444-555555555555\n" if cloud == "azure" else ""
        )
        text += "resource_group: rg\nstorage_account: acc12345\n" if cloud == "azure" else ""
        (folder / f"local-{cloud}.yaml").write_text(text)
    (folder / "mine.yaml").write_text("cloud: aws\nbucket: my-own\nthreshold: 5\n")
    return folder


def test_without_a_lab_nothing_is_shared(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "target").write_text("a file of somebody's")

    assert not shared_target.is_shared()
    assert shared_target.read_choice() is None


def test_choice_that_is_no_text_is_none(monkeypatch, tmp_path):
    lab(monkeypatch, tmp_path)
    (tmp_path / "home/target").write_bytes(b"\xff\xfe")

    assert shared_target.read_choice() is None
    assert Settings.from_notebook({}, root=tmp_path).bucket == "practice-aws"


def test_notebook_that_names_no_bucket_uses_the_chosen_file(monkeypatch, tmp_path):
    folder = lab(monkeypatch, tmp_path)
    assert Settings.from_notebook({}, root=tmp_path).bucket == "practice-aws"

    shared_target.choose(folder / "mine.yaml")

    assert Settings.from_notebook({}, root=tmp_path).bucket == "my-own"
    changed = Settings.from_notebook({"threshold": 7}, root=tmp_path)
    assert (changed.bucket, changed.threshold) == ("my-own", 7)


def test_notebook_that_names_a_bucket_uses_nothing_of_the_chosen_file(monkeypatch, tmp_path):
    folder = lab(monkeypatch, tmp_path)
    shared_target.choose(folder / "mine.yaml")

    named = Settings.from_notebook({"bucket": "named-here"}, root=tmp_path)

    assert (named.bucket, named.threshold) == ("named-here", 0)


def test_another_cloud_is_practised_and_not_mixed_with_the_chosen_target(monkeypatch, tmp_path):
    folder = lab(monkeypatch, tmp_path)
    shared_target.choose(folder / "mine.yaml")

    assert Settings.from_notebook({"cloud": "azure"}, root=tmp_path).bucket == "practice-azure"


def test_chosen_file_of_another_cloud_brings_its_cloud(monkeypatch, tmp_path):
    folder = lab(monkeypatch, tmp_path)
    shared_target.choose(folder / "local-azure.yaml")

    assert Settings.from_notebook({"cloud": "aws"}, root=tmp_path).cloud == "azure"
