"""A report as text for people."""

from __future__ import annotations

from typing import Any

_WIDTH_MAX = 44


def render(report: dict[str, Any], rows_max: int = 30) -> str:
    """The figures, then the tables of categories and rules with at most `rows_max` rows each."""
    lines = [_line(name, report[name]) for name in ("score", "score_without_unlabelled") if name in report]
    interval = report.get("average_precision_interval")
    between = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    lines.append(f"average precision {report['average_precision']:.3f}{between}")
    if report.get("verdicts"):
        lines.append("places: " + ", ".join(f"{count} {verdict}" for verdict, count in report["verdicts"].items()))
    for name, columns in (
        ("categories", ("category", "found", "missed", "false", "recall")),
        ("rules", ("rule", "true", "false", "precision")),
    ):
        if report.get(name):
            lines += ["", *_table(columns, report[name][:rows_max])]
    if "gate" in report:
        gate = report["gate"]
        drops = ", ".join(f"{name} {0 - drop:+.4f}" for name, drop in gate["drops"].items())
        lines += ["", f"against the baseline: {gate['decision']}{' (waived)' if gate['waived'] else ''}; {drops}"]
        if gate["differs"]:
            lines.append(f"not comparable in: {', '.join(gate['differs'])}")
    return "\n".join(lines) + "\n"


def _line(name: str, score: dict[str, Any]) -> str:
    figures = ", ".join(f"{key} {score[key]:.3f}" for key in ("precision", "recall", "f1", "f2"))
    counts = ", ".join(f"{score[key]} {key}" for key in ("true", "false", "found", "missed"))
    return f"{name.replace('_', ' ')}: {figures} ({counts})"


def _table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> list[str]:
    cells = [[str(row[column])[:_WIDTH_MAX] for column in columns] for row in rows]
    widths = [max(len(row[index]) for row in [list(columns), *cells]) for index in range(len(columns))]
    return [
        "  ".join(text.ljust(widths[0]) if not index else text.rjust(widths[index]) for index, text in enumerate(row))
        for row in [list(columns), *cells]
    ]
