import pytest

from xcomkit.findings.model import Finding
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration


@pytest.fixture
def judged(tmp_path):
    """Return what the rules find in files, laid over each other; ``a__yaml`` is a.yaml."""

    def judge_files(*texts: str, **files: str) -> dict[str, list[Finding]]:
        files |= {f"{number}.yaml": text for number, text in enumerate(texts)}
        names = []
        for name, text in files.items():
            path = tmp_path / name.replace("__", ".")
            path.write_text(text)
            names.append(str(path))
        found: dict[str, list[Finding]] = {}
        for finding in judge([read_configuration(names)], cloud=CloudFiles()).findings:
            found.setdefault(finding.rule.id, []).append(finding)
        return found

    return judge_files
