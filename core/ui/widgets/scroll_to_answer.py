"""On a phone an answer lies below the picture, the button and the examples: the page goes there by itself."""

from typing import Any

ANSWER = "answer"
"""Class of the column on the right, which stands below the other one where there is no room."""
_GO = f"""() => {{
  if (window.innerWidth > 640) return;
  const seen = [...document.querySelectorAll(".{ANSWER}")].find(each => each.offsetParent);
  if (seen) seen.scrollIntoView({{behavior: "smooth"}});
}}"""


def go_to_answer(event: Any) -> None:
    """Show where the answer will stand when something asks for one; an event such as ``button.click``."""
    event(None, None, None, js=_GO, api_visibility="private", queue=False)
