"""``make scan``: every scanner over everything that is deployed, and over the repository. What one finds and nobody
explained ends it with an error; so does an explanation of what is not found any more.

What is explained stands in the templates' metadata, where infra/nag.py puts it, and in .ci/not_secrets.json. Each
scanner first has to find a fault that is made for it: one that is broken finds nothing either.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.assembly import ROOT, SynthesisFailed, synthesize

ENVIRONMENTS = ("rehearsal", "startup", "production")
REQUIREMENTS = ROOT / ".ci" / "requirements-scan.txt"
NOT_SECRETS = ROOT / ".ci" / "not_secrets.json"
CHECKS = {
    "cdk-nag": ("findings", 400),
    "cfn-lint": ("rules", 300),
    "checkov": ("checks passed", 2000),
    "detect-secrets": ("detectors", 22),
    "zizmor": ("workflows", 4),
}
"""What each scanner counts, and how many there are at least: with fewer, something was not looked at."""

UNKNOWN_TO_CHECKOV = {"AWS::Organizations::Policy", "AWS::CDK::Metadata"}
"""Types without a check: a template of nothing else is not mentioned in checkov's report."""

Finding = tuple[str, str]
"""Where, and which rule."""


class ScanFailed(Exception):
    """A scanner did not do its work; the message says what it said."""


@dataclass(frozen=True)
class Report:
    """What one scanner found, each finding with its message, and which findings are explained."""

    scanner: str
    looked_at: str
    checks: int
    found: Mapping[Finding, str]
    explained: frozenset[Finding]

    @property
    def unexplained(self) -> list[str]:
        return [f"{at}: {rule} {self.found[at, rule]}" for at, rule in sorted(set(self.found) - self.explained)]

    @property
    def stale(self) -> list[str]:
        return [f"{at}: {rule} is explained but not found" for at, rule in sorted(self.explained - set(self.found))]

    @property
    def missing(self) -> list[str]:
        counted, least = CHECKS[self.scanner]
        return [f"{self.scanner}: {self.checks} {counted}, not {least}"] if self.checks < least else []


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Waits until no other process is within a block of the same lock: an environment cannot be moved into place."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


class Scanners:
    """The scanners' virtual environment, made once for every version of its requirements."""

    def __init__(self, folder: Path) -> None:
        wanted = REQUIREMENTS.read_bytes()
        self._bin = folder / f"scanners-{hashlib.sha256(wanted).hexdigest()[:16]}" / "bin"
        made = self._bin.parent / ".installed"
        with alone(self._bin.parent.with_suffix(".lock")):
            if not made.is_file():
                self._install()
                made.touch()

    def _install(self) -> None:
        print("Installing the scanners, once …", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(self._bin.parent)])
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", str(REQUIREMENTS)]
        run([str(self._bin / "python"), *pip])

    def run(self, scanner: str, *arguments: str, ends_with: Iterable[int] = (0,), folder: Path = ROOT) -> str:
        """What a scanner prints; raises ScanFailed when it ends otherwise than it does with or without findings."""
        return run([str(self._bin / scanner), *arguments], ends_with=ends_with, folder=folder)


@dataclass(frozen=True)
class Template:
    """A synthesized template, as it is deployed."""

    place: str
    region: str
    body: dict[str, Any]

    def write(self, folder: Path, *, explained: bool) -> Path:
        """A copy; what is explained in it can be left out, so that scanners find it."""
        resources = {
            name: resource if explained else {key: value for key, value in resource.items() if key != "Metadata"}
            for name, resource in self.body["Resources"].items()
        }
        file = folder / f"{self.place.replace('/', '.')}.template.json"
        # One member a line, as CDK writes it: scanners say where in a file a finding is.
        file.write_text(json.dumps(self.body | {"Resources": resources}, indent=1), encoding="utf-8")
        return file

    @property
    def types(self) -> set[str]:
        """The types of its resources."""
        return {resource["Type"] for resource in self.body["Resources"].values()}

    def explained(self, scanner: str) -> Iterator[Finding]:
        for name, resource in self.body["Resources"].items():
            metadata = resource.get("Metadata", {}).get(scanner, {})
            skipped = [skip["id"] for skip in metadata.get("skip", [])]
            for rule in [*skipped, *metadata.get("config", {}).get("ignore_checks", [])]:
                yield f"{self.place}/{name}", rule


def run(command: Sequence[str], *, ends_with: Iterable[int] = (0,), folder: Path = ROOT) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own list
    if ended.returncode not in ends_with:
        said = (ended.stderr or ended.stdout).strip()
        raise ScanFailed(f"{Path(command[0]).name} ended with {ended.returncode}: {said[-2000:]}")
    return ended.stdout


def templates_of(assembly: Path, environment: str) -> Iterator[Template]:
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            file = assembly / artifact["properties"]["templateFile"]
            place = f"{environment}/{file.name.removesuffix('.template.json')}"
            region = artifact["environment"].rpartition("/")[2]
            yield Template(place, region, json.loads(file.read_text(encoding="utf-8")))


def cdk_nag(assemblies: Mapping[str, Path]) -> Report:
    """What CDK wrote down while it synthesized: had it found anything unexplained, there would be no assembly."""
    found: dict[Finding, str] = {}
    explained = set()
    for environment, assembly in assemblies.items():
        report = json.loads((assembly / "validation-report.json").read_text(encoding="utf-8"))
        if "AwsSolutions" not in {plugin["pluginName"] for plugin in report["pluginReports"]}:
            raise ScanFailed(f"cdk-nag has not looked at {environment}")
        for plugin in report["pluginReports"]:
            for kind in ("violations", "suppressedViolations"):
                for violation in plugin.get(kind, []):
                    for construct in violation["violatingConstructs"]:
                        finding = f"{environment}/{construct['constructPath']}", violation["ruleName"]
                        found[finding] = violation["description"]
                        explained |= {finding} if kind == "suppressedViolations" else set()
    return Report(
        "cdk-nag", f"{len(assemblies)} environments, CDK's own rules too", len(found), found, frozenset(explained)
    )


def cfn_lint(scanners: Scanners, templates: Sequence[Template]) -> Report:
    rules = sum(line[:1] in "EW" and line[5:6] == ":" for line in scanners.run("cfn-lint", "--list-rules").splitlines())

    def look(folder: Path, *, explained: bool) -> dict[Finding, str]:
        found = {}
        for region in {template.region for template in templates}:
            there = [template for template in templates if template.region == region]
            files = {str(template.write(folder, explained=explained)): template.place for template in there}
            # The code's bits stand for errors, warnings and information; 1 is none of them.
            said = scanners.run(
                "cfn-lint", "--format", "json", "--regions", region, "--", *files, ends_with=range(0, 16, 2)
            )
            for match in json.loads(said or "[]"):
                path = match["Location"]["Path"] or ["?"]
                at = path[1] if path[0] == "Resources" and len(path) > 1 else "/".join(map(str, path))
                found[f"{files[match['Filename']]}/{at}", match["Rule"]["Id"]] = match["Message"]
        return found

    return look_twice("cfn-lint", templates, look, lambda: rules)


def checkov(scanners: Scanners, templates: Sequence[Template]) -> Report:
    passed = 0

    def look(folder: Path, *, explained: bool) -> dict[Finding, str]:
        nonlocal passed
        known = [template for template in templates if not template.types <= UNKNOWN_TO_CHECKOV]
        files = {template.write(folder, explained=explained).name: template.place for template in known}
        named = [argument for name in files for argument in ("--file", str(folder / name))]
        # Without --skip-download it asks its makers' servers.
        options = ("--framework", "cloudformation", "--compact", "--skip-download", "--output", "json")
        said = json.loads(scanners.run("checkov", *named, *options, ends_with=(0, 1)))
        if said["results"]["parsing_errors"]:
            raise ScanFailed(f"checkov cannot read {said['results']['parsing_errors']}")
        passed_checks, failed_checks = said["results"]["passed_checks"], said["results"]["failed_checks"]
        passed = len(passed_checks)
        seen = {Path(check["file_path"]).name for check in (*passed_checks, *failed_checks)}
        if unseen := set(files) - seen:
            raise ScanFailed(f"checkov has not looked at {sorted(unseen)}")
        found = {}
        for check in failed_checks:
            resource = check["resource"].rpartition(".")[2]
            found[f"{files[Path(check['file_path']).name]}/{resource}", check["check_id"]] = check["check_name"]
        return found

    return look_twice("checkov", templates, look, lambda: passed)


def look_twice(
    scanner: str,
    templates: Sequence[Template],
    look: Callable[..., dict[Finding, str]],
    checks: Callable[[], int],
) -> Report:
    """At the templates as they are, where nothing may be found, and without their explanations."""
    with tempfile.TemporaryDirectory() as folder:
        as_delivered = look(Path(folder), explained=True)
    with tempfile.TemporaryDirectory() as folder:
        found = look(Path(folder), explained=False)
    explained = frozenset(finding for template in templates for finding in template.explained(scanner))
    # What is found in spite of its explanation is not explained.
    return Report(scanner, f"{len(templates)} templates", checks(), found | as_delivered, explained - set(as_delivered))


def not_secrets() -> dict[str, str]:
    """What looks like a secret wherever it stands, and why it is none."""
    known: dict[str, str] = json.loads(NOT_SECRETS.read_text(encoding="utf-8"))
    return known


def secrets(scanners: Scanners, root: Path, files: Sequence[str]) -> Report:
    """The files below the root by their names there; a comment in a file explains nothing here."""
    # -n: else it would ask AWS whether a key is a real one.
    options = ("-n", "--disable-filter", "detect_secrets.filters.allowlist.is_line_allowlisted")
    said = json.loads(scanners.run("detect-secrets", "scan", *options, "--", *files, folder=root))
    found: dict[Finding, str] = {}
    explained: set[Finding] = set()
    seen: set[str] = set()
    texts = {hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(): text for text in not_secrets()}
    for file, secrets_of_file in said["results"].items():
        for secret in secrets_of_file:
            finding = file, f"{secret['type']} with SHA-1 {secret['hashed_secret']}"
            found[finding] = f"in line {secret['line_number']}"
            text = texts.get(secret["hashed_secret"])
            if text is not None:
                explained.add(finding)
                seen.add(text)
    explained |= {("nowhere", repr(text)) for text in set(texts.values()) - seen}
    return Report("detect-secrets", f"{len(files)} files", len(said["plugins_used"]), found, frozenset(explained))


def workflows(scanners: Scanners, root: Path) -> Report:
    """What GitHub would refuse, and what it would run though it should not."""
    files = sorted((root / ".github" / "workflows").glob("*.yml"))
    others = sorted((root / ".github").glob("dependabot.yml"))
    schema = ("--builtin-schema", "vendor.github-workflows", "--output-format", "json")
    said = json.loads(scanners.run("check-jsonschema", *schema, *map(str, files), ends_with=(0, 1)))
    found = {(error["filename"], f"schema {error['path']}"): error["message"] for error in said.get("errors", [])}
    # 11 to 14 stand for the gravest finding.
    options = ("--offline", "--no-progress", "--no-ignores", "--pedantic", "--strict-collection", "--format", "json")
    for finding in json.loads(
        scanners.run("zizmor", *options, *map(str, [*files, *others]), ends_with=(0, 11, 12, 13, 14))
    ):
        [where, *_] = [place for place in finding["locations"] if place["symbolic"]["kind"] == "Primary"]
        line = where["concrete"]["location"]["start_point"]["row"] + 1
        found[f"{where['symbolic']['key']['Local']['verbatim_path']}:{line}", finding["ident"]] = finding["desc"]
    return Report("zizmor", f"{len(files)} workflows, GitHub's schema too", len(files), found, frozenset())


def find_planted_faults(scanners: Scanners) -> None:
    """Raises ScanFailed when a scanner does not find what is there to be found."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead", "Colour": "red"}}
    planted = [Template("planted", "us-east-1", {"Resources": {"Open": bucket}})]
    key = "AKIA" + "Z3MSH5TQK2VDRWXN"
    workflow = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps: [{uses: actions/checkout@v4, wiht: {}}]\n"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".github" / "workflows").mkdir(parents=True)
        (folder / ".github" / "workflows" / "planted.yml").write_text(workflow, encoding="utf-8")
        (folder / "planted.py").write_text(f'access = "{key}"\n', encoding="utf-8")
        rules = {
            rule.split()[0]
            for report in (
                cfn_lint(scanners, planted),
                checkov(scanners, planted),
                secrets(scanners, folder, ["planted.py"]),
                workflows(scanners, folder),
            )
            for _, rule in report.found
        }
    missing = {"E3002", "CKV_AWS_20", "AWS", "unpinned-uses", "schema"} - rules
    if missing:
        raise ScanFailed(f"a planted fault is not found: {sorted(missing)}")


def tracked_files() -> list[str]:
    """The files that git knows, and those that it would take."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
    # What is no secret stands there because it looks like one.
    return [name for name in listed.split("\0") if (ROOT / name).is_file() and ROOT / name != NOT_SECRETS]


def main() -> int:
    try:
        scanners = Scanners(ROOT / ".cache")
        find_planted_faults(scanners)
        assemblies = {
            name: synthesize(ROOT / ".cache" / "assemblies", env=name, tell=lambda text: print(text, flush=True))
            for name in ENVIRONMENTS
        }
        templates = [template for name, assembly in assemblies.items() for template in templates_of(assembly, name)]
        reports = [
            cdk_nag(assemblies),
            cfn_lint(scanners, templates),
            checkov(scanners, templates),
            secrets(scanners, ROOT, tracked_files()),
            workflows(scanners, ROOT),
        ]
    except (ScanFailed, SynthesisFailed) as failed:
        print(failed, file=sys.stderr)
        return 1
    for report in reports:
        counted = f"{report.checks} {CHECKS[report.scanner][0]}"
        counts = f"{len(report.explained):4} explained, {len(report.unexplained)} unexplained"
        print(f"{report.scanner:15} {report.looked_at:38} {counted:20} {counts}")
    faults = [line for report in reports for line in (*report.unexplained, *report.stale, *report.missing)]
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
