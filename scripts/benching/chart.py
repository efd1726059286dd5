"""Bar charts as SVG, without a library. On a light ground of their own, so they can be read on a dark page too."""

import dataclasses
import html
import math

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 760, 250, 130, 20, 10, 58
OURS, THEIRS, FAINT, INK, GROUND, BORDER = "#2f6fb0", "#a9b1ba", "#5c6670", "#1f2328", "#fbfbf9", "#d8dbdf"


@dataclasses.dataclass
class Bar:
    label: str
    value: float
    text: str
    ours: bool = False


def bars(title, subtitle, values, logarithmic=False, line=None):
    """Draws horizontal bars of microseconds. `line` is (value, label) of a line across all of them."""
    scale = Scale(values, logarithmic)
    bottom = TOP + len(values) * (BAR + GAP)
    height = bottom + (34 if line or logarithmic else 12)
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13" fill="{INK}">',
        f"<title>{html.escape(title)}</title>",
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" fill="{GROUND}" stroke="{BORDER}"/>',
        f'<text x="16" y="24" font-size="15" font-weight="600">{html.escape(title)}</text>',
        f'<text x="16" y="43" font-size="12" fill="{FAINT}">{html.escape(subtitle)}</text>',
    ]
    for tick in scale.ticks():
        x = scale.x(tick)
        shapes.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="{BORDER}"/>')
        shapes.append(text(x, bottom + 16, f"{tick / 1000:g} ms", "middle", FAINT))
    for index, bar in enumerate(values):
        y = TOP + index * (BAR + GAP)
        width = max(scale.x(bar.value) - LEFT, 1)
        colour = OURS if bar.ours else THEIRS
        shapes.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>')
        shapes.append(text(LEFT - 8, y + 15, bar.label, "end", INK, weight=600 if bar.ours else 400))
        shapes.append(text(LEFT + width + 6, y + 15, bar.text, "start", INK))
    if line:
        value, label = line
        x = scale.x(value)
        shapes.append(
            f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="{INK}" stroke-dasharray="4 3"/>'
        )
        shapes.append(text(x, bottom + 16, label, "middle", INK))
    return "\n".join([*shapes, "</svg>", ""])


def text(x, y, words, anchor, colour, weight=400):
    words = html.escape(words)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{words}</text>'


class Scale:
    """From a value in microseconds to a place in the chart."""

    def __init__(self, bars, logarithmic):
        values = [bar.value for bar in bars if bar.value > 0]
        self.logarithmic = logarithmic
        self.most = max(values)
        # A decade boundary below the least: the length of a bar on such a scale says nothing by itself.
        self.least = 10 ** math.floor(math.log10(min(values))) if logarithmic else 0
        self.space = WIDTH - LEFT - RIGHT

    def x(self, value):
        if not self.logarithmic:
            return LEFT + self.space * max(value, 0) / self.most
        value = max(value, self.least)
        return LEFT + self.space * math.log(value / self.least) / math.log(self.most / self.least)

    def ticks(self):
        if not self.logarithmic:
            return []
        first, last = math.ceil(math.log10(self.least)), math.floor(math.log10(self.most))
        return [10**power for power in range(first, last + 1)]
