"""The documentation is one site: it builds without a warning, every page is in it, every link leads somewhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import kstore

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OUTSIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
MARKDOWN_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PROJECT_PATH = re.compile(r"`((?:actors|kstore|tests|docs|bench)/[\w./-]+)`")
CSS_URL = re.compile(r"""url\(['"]?([^'")]+)""")


class Links(HTMLParser):
    """What a page of the site leads to, and the places in it that may be led to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.loaded: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.update(value for name in ("id", "name") if (value := values.get(name)))
        target = values.get("href") if tag == "a" else values.get("src") if tag == "img" else None
        if target:
            self.targets.append(target)
        loaded = values.get("href") if tag == "link" else values.get("src")
        if loaded and values.get("rel") != "canonical":
            self.loaded.append(loaded)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` does, in a folder that stands for the checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    for house in ("kstore", "actors"):
        (folder / house).symlink_to(ROOT / house)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "No issues found" in built.stdout + built.stderr
    return folder / "build" / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    found = {page: Links(page) for page in sorted(site.rglob("*.html")) if page.name != "404.html"}
    assert len(found) == len(list(DOCS.rglob("*.md")))
    return found


def test_every_page_is_in_the_navigation() -> None:
    named = set(re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text()))
    assert named == {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}


def test_every_link_of_the_site_leads_somewhere(pages: dict[Path, Links]) -> None:
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            led_to = (page.parent / unquote(url.path)).resolve() if url.path else page
            led_to = led_to / "index.html" if led_to.is_dir() else led_to
            known = pages.get(led_to)
            if not led_to.exists() or (url.fragment and known is not None and unquote(url.fragment) not in known.ids):
                broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_site_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Links]) -> None:
    elsewhere = [target for links in pages.values() for target in links.loaded if urlsplit(target).netloc]
    for sheet in site.rglob("*.css"):
        elsewhere += [target for target in CSS_URL.findall(sheet.read_text()) if urlsplit(target).netloc]
    assert elsewhere == []


def test_the_search_has_its_index_with_and_without_a_server(site: Path) -> None:
    index = json.loads((site / "search.json").read_text())
    found = [each["location"] for each in index["items"] if "log.flush.interval.messages" in each["text"]]
    assert any(location.startswith("configs.html") for location in found)
    script = (site / "search.js").read_text()
    assert json.loads(script.removeprefix("var __index = ").rstrip().removesuffix(";")) == index


def test_long_names_of_code_break_at_their_dots_and_short_ones_not_at_all(site: Path) -> None:
    assert "<code>auto.<wbr>leader.<wbr>rebalance.<wbr>enable</code>" in (site / "configs.html").read_text()
    assert '<code class="whole">--plain</code>' in (site / "command.html").read_text()


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "index.md"], ids=lambda page: page.name)
def test_the_first_page_says_how_to_install_before_it_shows_code(page: Path) -> None:
    before = page.read_text().split("```python")[0]
    assert "python -m pip install ." in before


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: page.name)
def test_the_pages_beside_the_site_lead_to_files_that_are_there(page: Path) -> None:
    targets = [target for target in MARKDOWN_LINK.findall(page.read_text()) if not urlsplit(target).scheme]
    assert [target for target in targets if not (ROOT / urlsplit(target).path).exists()] == []


def test_every_name_that_is_imported_from_kstore_is_in_the_reference(pages: dict[Path, Links]) -> None:
    places = set().union(*(links.ids for links in pages.values()))
    homes = {name: {f"kstore.{name}", f"{home}.{name}"} for name, home in kstore.HOMES.items()}
    assert [name for name, ids in homes.items() if not ids & places] == []


def test_no_example_of_a_docstring_is_shown_as_a_quotation(site: Path) -> None:
    wrong = [page.name for page in site.glob("reference/*.html") if "<blockquote>\n<blockquote>" in page.read_text()]
    assert wrong == []


def test_every_path_of_the_project_that_a_page_names_is_there() -> None:
    pages = [*sorted(DOCS.glob("*.md")), *OUTSIDE[:2]]
    named = [(page.name, path) for page in pages for path in PROJECT_PATH.findall(page.read_text())]
    assert len(named) > 100
    assert [found for found in named if not (ROOT / found[1]).exists()] == []
