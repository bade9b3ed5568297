"""The report's page: index.html with its pictures beside it.

All links are relative; there is no script and nothing from elsewhere.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1320px;margin:2em auto;padding:0 1em;"
    "color:#222;background:#fafafa}"
    "img{max-width:100%;display:block;background:#fff;border:1px solid #ddd}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:.2em .7em;text-align:right}td:first-child,th:first-child{text-align:left}"
    "figure{margin:1em 0}figcaption{color:#555}h2{margin-top:2em}"
)


class Page:
    """A page that grows from top to bottom; all text is escaped."""

    def __init__(self, title: str) -> None:
        self._parts = [f"<h1>{escape(title)}</h1>"]
        self._title = title

    def heading(self, text: str) -> None:
        """A section begins."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def image(self, name: str, caption: str) -> None:
        """A picture that lies beside the page."""
        self._parts.append(
            f'<figure><img src="{escape(name)}" alt="{escape(caption)}">'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )

    def table(self, rows: list[list[str]]) -> None:
        """A table whose first row is its heading."""
        marks = ["th", *["td"] * (len(rows) - 1)]
        lines = [
            "<tr>" + "".join(f"<{mark}>{escape(cell)}</{mark}>" for cell in row) + "</tr>"
            for mark, row in zip(marks, rows, strict=True)
        ]
        self._parts.append(f"<table>{''.join(lines)}</table>")

    def save(self, path: Path) -> None:
        """Write the page."""
        head = f'<meta charset="utf-8"><title>{escape(self._title)}</title><style>{STYLE}</style>'
        path.write_text(
            f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(self._parts)}</body></html>\n',
            encoding="utf-8",
        )
