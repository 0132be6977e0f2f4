"""Rules with stable ids over Dag files: XCom use that remote execution does not support."""

from xcomkit.lint.dags.scan import RULES, scan

__all__ = ["RULES", "scan"]
