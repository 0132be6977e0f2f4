import pytest

from xcomkit.settings import shared_target
from xcomkit.settings.settings import Settings

AZURE = """cloud: azure
bucket: practice-azure
subscription_id: 11111111-2222-3333-4444-555555555555
resource_group: rg
storage_account: acc12345
"""


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """The parameter files of a JupyterLab whose notebooks share a target."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv(shared_target.VARIABLE, str(tmp_path / "home"))
    made = tmp_path / "parameters"
    made.mkdir()
    (made / "local-aws.yaml").write_text("cloud: aws\nbucket: practice-aws\n")
    (made / "local-azure.yaml").write_text(AZURE)
    (made / "mine.yaml").write_text("cloud: aws\nbucket: my-own\nthreshold: 5\n")
    return made


def test_without_a_lab_nothing_is_shared(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "target").write_text("a file of somebody's")

    assert not shared_target.is_shared()
    assert shared_target.read_choice() is None


@pytest.mark.usefixtures("folder")
def test_choice_that_is_no_text_is_none(tmp_path):
    (tmp_path / "home/target").write_bytes(b"\xff\xfe")

    assert shared_target.read_choice() is None
    assert Settings.from_notebook({}, root=tmp_path).bucket == "practice-aws"


@pytest.mark.parametrize(
    ("chosen", "namespace", "bucket", "threshold"),
    [
        ("", {}, "practice-aws", 0),
        ("mine", {}, "my-own", 5),
        ("mine", {"threshold": 7}, "my-own", 7),
        ("mine", {"bucket": "named-here"}, "named-here", 0),
        ("mine", {"cloud": "azure"}, "practice-azure", 0),  # another cloud is never mixed in
        ("local-azure", {"cloud": "aws"}, "practice-azure", 0),  # which says no more than nothing
    ],
)
def test_notebook_that_names_no_bucket_uses_the_chosen_file_of_its_cloud(
    folder, tmp_path, chosen, namespace, bucket, threshold
):
    if chosen:
        shared_target.choose(folder / f"{chosen}.yaml")

    settings = Settings.from_notebook(namespace, root=tmp_path)

    assert (settings.bucket, settings.threshold) == (bucket, threshold)
