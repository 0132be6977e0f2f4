"""Rules with stable ids over Dag files: XCom use that remote execution does not support."""

from xcomkit.lint.dags.scan import RULES, scan, scan_text

__all__ = ["RULES", "scan", "scan_text"]
