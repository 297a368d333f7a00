"""The figures of a run: every case's ratio beside its bound, and times over sizes."""

from collections.abc import Sequence
from pathlib import Path

# Okabe and Ito's palette; the markers differ as well.
HOLDS, LOST, BOUND = "#0072B2", "#D55E00", "#000000"


def draw(lines: Sequence[dict], path: Path) -> None:
    """Ratios on a log axis, one row per case; what was not measured is named in its row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.32 * len(lines)), layout="constrained")
    axes = figure.add_subplot(xscale="log")
    rows = range(len(lines))
    targets = [line["target"] for line in lines]
    axes.plot(targets, rows, "|", color=BOUND, markersize=14, label="bound asked for")
    for holds, marker, colour, label in (
        (True, "o", HOLDS, "holds"),
        (False, "X", LOST, "lost"),
    ):
        chosen = [row for row in rows if lines[row]["holds"] is holds]
        ratios = [lines[row]["ratio"] for row in chosen]
        axes.plot(ratios, chosen, marker, color=colour, markersize=8, label=label)
    for row in rows:
        if lines[row]["ratio"] is None:
            axes.text(targets[row], row, f"   {lines[row]['status']}", va="center", fontsize=8)
    axes.axvline(1.0, color="0.8", linewidth=1, zorder=0)
    axes.set_yticks(rows, [f"{line['case']}  |  {line['peer']}" for line in lines], fontsize=8)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlabel("ours / theirs (left is faster)")
    axes.grid(axis="x", which="major", color="0.92")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)


def draw_curves(lines: Sequence[dict], path: Path) -> None:
    """Times over sizes, a panel for each kind of size and a curve for each name. Where no curve of
    theirs is drawn, ours has the line of proportion from its first point. Nothing is drawn of a run
    without curves.
    """
    from matplotlib.figure import Figure

    panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for line in lines:
        for side, curve in (("ours", "curve"), ("theirs", "their_curve")):
            if curve in line:
                curves = panels.setdefault(line["over"], {})
                curves.setdefault(line[curve], []).append((line[f"{side}_size"], line[side]))
    compared = {line["over"] for line in lines if "their_curve" in line}
    if not panels:
        return
    figure = Figure(figsize=(5.5 * len(panels), 4), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (over, curves) in zip(grid, panels.items(), strict=True):
        axes.set(xscale="log", yscale="log", xlabel=over, ylabel="time (s)")
        styles = zip((HOLDS, LOST), "os", strict=True)
        for (name, points), (colour, marker) in zip(curves.items(), styles, strict=False):
            sizes, times = zip(*sorted(points), strict=True)
            axes.plot(sizes, times, marker, color=colour, linestyle="-", label=name)
            if over not in compared:
                proportional = [times[0] * size / sizes[0] for size in sizes]
                axes.plot(sizes, proportional, ":", color=colour, label=f"{name}, in proportion")
        axes.grid(which="major", color="0.92")
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
