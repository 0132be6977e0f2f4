"""``xcomkit lint``: what agents will do with a configuration, before it is installed."""

import argparse
from pathlib import Path

from xcomkit.cli.configuration import add_files, read_kind
from xcomkit.cli.reporting import add_options, write_report
from xcomkit.cli.terminal import note, read_days
from xcomkit.findings.errors import InputError
from xcomkit.findings.text import plain

_EXAMPLES = """examples:
  xcomkit lint values.yaml
  xcomkit lint values.yaml prod.yaml
  helm get values astro-agent -n astro | xcomkit lint -
  helm template astro-agent astronomer/CHART -f values.yaml --set ... | xcomkit lint -
  kubectl get pods -n astro -o yaml | xcomkit lint - --kind pod
  aws iam get-role --role-name xcom-agents > trust.json
  xcomkit lint values.yaml --trust trust.json
  xcomkit lint values.yaml --format json > baseline.json
  xcomkit lint values.yaml --baseline baseline.json

A line with  # xcomkit: ignore XC012 the reason  is left alone, and so is the line below a comment\
 of its own. docs/checks.md explains every rule.

takes about a second per file

exit codes: 0 nothing failed, 1 something failed, 2 a file cannot be read"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    parser = commands.add_parser(
        "lint",
        help="judge values.yaml, .env, airflow.cfg, compose files and pod specs",
        description="Compute what every component of the agents will see, and judge it: no cluster,"
        " no cloud and no Airflow is asked.",
        epilog=_EXAMPLES,
    )
    add_files(parser)
    parser.add_argument(
        "--set", "--set-string", "--set-json", "--set-literal", "--set-file", action=_HelmFlag,
        help=argparse.SUPPRESS,
    )  # fmt: skip
    parser.add_argument(
        "--each", action="store_true", help="judge every file by itself, as for pre-commit"
    )
    parser.add_argument(
        "--trust", default="", metavar="JSON",
        help="who may become the identity: aws iam get-role, az identity federated-credential list,"
        " gcloud iam service-accounts get-iam-policy",
    )  # fmt: skip
    parser.add_argument(
        "--policy", default="", metavar="JSON",
        help="what it may do: aws iam get-role-policy, az role assignment list, gcloud storage"
        " buckets get-iam-policy",
    )  # fmt: skip
    parser.add_argument(
        "--lifecycle", default="", metavar="JSON",
        help="when objects expire: aws s3api get-bucket-lifecycle-configuration, az storage account"
        " management-policy show, gcloud storage buckets describe",
    )  # fmt: skip
    parser.add_argument(
        "--rerun-days", type=read_days, metavar="N",
        help="days after its run in which a task may still be cleared and run again",
    )  # fmt: skip
    parser.add_argument(
        "-n", "--namespace", default="", help="as helm's own flag, where the values name none"
    )
    parser.add_argument(
        "--conventions", default="", metavar="YAML",
        help="patterns for bucket, prefix, connection id and compression; xcomkit.yaml beside the"
        " baseline, or here, is read by itself",
    )  # fmt: skip
    add_options(parser)
    parser.set_defaults(act=act)


class _HelmFlag(argparse.Action):
    """Sends a flag of helm to helm, whose own rules for commas and braces then hold."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        _values: object,
        flag: str | None = None,
    ) -> None:
        """End in the usage, with the command that reads the flag."""
        text = f"{flag} is read by helm: helm template RELEASE CHART -f values.yaml {flag} ..."
        parser.error(f"{text} | xcomkit lint -")


def act(options: argparse.Namespace) -> int:
    """Judge the files, write the report, and return 1 when something failed."""
    from xcomkit.lint.run import CloudFiles, judge, read_each
    from xcomkit.lint.sources.reading import read_together

    cloud = CloudFiles(
        trust=options.trust,
        policy=options.policy,
        lifecycle=options.lifecycle,
        namespace=options.namespace,
        rerun_days=options.rerun_days,
    )
    unreadable: tuple[InputError, ...] = ()
    is_folder = [name != "-" and Path(name).is_dir() for name in options.files]
    if any(is_folder) and not all(is_folder):
        raise InputError("a folder and files.", hint="name folders alone, or files alone.")
    if options.each or any(is_folder):
        found, others, unreadable = read_each(options.files, kind=read_kind(options))
        for name in others:
            note(f"xcomkit: {plain(name)}: nothing of agents in it, so it was left out.")
    else:
        found = read_together(options.files, kind=read_kind(options))
    for error in unreadable:
        note(f"xcomkit: {plain(str(error))}")
    if unreadable and not (found.configurations or found.findings):
        return 2
    report = judge(
        found.configurations,
        cloud=cloud,
        unread=found.findings,
        baseline=options.baseline,
        conventions=options.conventions,
    )
    write_report(report, style=options.format)
    return 2 if unreadable else report.exit_code
