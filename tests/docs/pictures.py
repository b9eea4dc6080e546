"""What stands where in a picture of the documentation, and what of it can't be read.

The pictures in ``docs/images`` are SVG files, written by hand: boxes, lines and single lines of text. A browser draws
the text in the font that its system has; the widest of the usual ones is DejaVu Sans, and these are its widths.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from kstore.named import NamedTuple

SVG = "{http://www.w3.org/2000/svg}"
SIZE, SIZE_BOLD = 12.0, 13.0
"""Of text in pixels, and of text of class ``b``, as the style of every picture has it."""
MARGIN = 3.0

REGULAR = """\
318 401 460 838 636 950 780 275 390 390 500 838 318 361 318 337 636 636 636 636 636 636 636 636 636 636 337 337 838
838 838 531 1000 684 686 698 770 632 575 775 752 295 295 656 557 863 748 787 603 787 695 635 611 732 684 989 685 611
685 390 337 390 838 500 500 613 635 550 635 615 352 635 634 278 278 579 278 974 634 612 635 635 411 521 392 634 592
818 592 592 525 636 337 636 838
"""
BOLD = """\
348 456 521 838 696 1002 872 306 457 457 523 838 380 415 380 365 696 696 696 696 696 696 696 696 696 696 400 400 838
838 838 580 1000 774 762 734 830 683 683 821 837 372 372 775 637 995 837 850 733 850 770 720 682 812 774 1103 771
724 725 457 365 457 838 500 500 675 716 593 716 678 435 716 712 343 343 665 343 1042 712 687 716 716 493 595 478 712
652 924 645 652 582 712 365 712 838
"""
"""The widths of the characters from space to tilde in thousandths of the size."""


class Box(NamedTuple):
    """A rectangle, or the room that a text takes."""

    left: float
    top: float
    right: float
    bottom: float
    text: str = ""

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        return (
            self.left + MARGIN <= other.left
            and other.right <= self.right - MARGIN
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


class Line(NamedTuple):
    x1: float
    y1: float
    x2: float
    y2: float

    def crosses(self, box: Box) -> bool:
        """Whether a part of the line lies in the box (Liang and Barsky)."""
        enters, leaves = 0.0, 1.0
        for start, way, low, high in (
            (self.x1, self.x2 - self.x1, box.left, box.right),
            (self.y1, self.y2 - self.y1, box.top, box.bottom),
        ):
            if way == 0:
                if not low < start < high:
                    return False
                continue
            first, last = sorted(((low - start) / way, (high - start) / way))
            enters, leaves = max(enters, first), min(leaves, last)
        return enters < leaves


class Picture(NamedTuple):
    whole: Box
    texts: list[Box]
    boxes: list[Box]
    lines: list[Line]


def width(text: str, *, bold: bool) -> float:
    """The width of a text in pixels; a character that isn't in the table counts as the widest that is."""
    widths = [int(each) for each in (BOLD if bold else REGULAR).split()]
    size = SIZE_BOLD if bold else SIZE
    return sum(widths[ord(c) - 32] if " " <= c <= "~" else max(widths) for c in text) * size / 1000


def read(path: Path) -> Picture:
    """A picture's boxes, lines and texts."""
    root = ElementTree.parse(path).getroot()
    left, top, wide, high = map(float, root.attrib["viewBox"].split())
    texts, boxes, lines = [], [], []
    for each in root:
        numbers = {name: float(value) for name, value in each.attrib.items() if name not in ("class", "marker-end")}
        classes = each.get("class", "").split()
        if each.tag == f"{SVG}text":
            bold = "b" in classes
            room = width(each.text or "", bold=bold)
            begin = numbers["x"] - (0 if "start" in classes else room if "end" in classes else room / 2)
            size = SIZE_BOLD if bold else SIZE
            above, below = numbers["y"] - 0.78 * size, numbers["y"] + 0.22 * size
            texts.append(Box(begin, above, begin + room, below, each.text or ""))
        elif each.tag == f"{SVG}rect":
            x, y = numbers["x"], numbers["y"]
            boxes.append(Box(x, y, x + numbers["width"], y + numbers["height"]))
        elif each.tag == f"{SVG}line":
            lines.append(Line(*(numbers[name] for name in ("x1", "y1", "x2", "y2"))))
    return Picture(Box(left, top, left + wide, top + high), texts, boxes, lines)


def unreadable(picture: Picture) -> list[str]:
    """The texts that lie on each other, over the edge of a box or of the picture, or under a line."""
    wrong = []
    for number, text in enumerate(picture.texts):
        if not picture.whole.holds(text):
            wrong.append(f"{text.text!r} isn't within the picture")
        wrong += [f"{text.text!r} and {other.text!r}" for other in picture.texts[number + 1 :] if text.meets(other)]
        if any(text.meets(box) and not box.holds(text) for box in picture.boxes):
            wrong.append(f"{text.text!r} is over the edge of a box")
        if any(line.crosses(text) for line in picture.lines):
            wrong.append(f"{text.text!r} is under a line")
    return wrong
