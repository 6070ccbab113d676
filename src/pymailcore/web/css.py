"""CSS of a mail made harmless: nothing that loads, leaves its frame or moves.

Standards: CSS Syntax Level 3, by tinycss2. An allow-list of at-rules, a deny-list of functions and properties
over the tokens, and the rest is written anew from tokens, so that no trick of spelling survives.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import tinycss2  # type: ignore[import-untyped]
from tinycss2.ast import Node  # type: ignore[import-untyped]

MAX_RULES: Final = 5_000
MAX_DEPTH: Final = 8
MAX_ATTRIBUTE: Final = 8_192
MAX_CHARACTERS: Final = 262_144  # of one mail; tinycss2 reads 0.5 to 1 MB a second
ID_PREFIX: Final = "m-"

_LOADING: Final = frozenset(
    {"url", "src", "image", "image-set", "cross-fade", "element", "paint", "expression", "-webkit-image-set"}
)
_CALCULATING: Final = frozenset({"var", "env", "attr"})
_SELECTOR_TOKENS: Final = frozenset(
    {"ident", "hash", "literal", "whitespace", "string", "function", "[] block", "percentage", "number"}
)
_PROPERTIES: Final = frozenset(
    {
        "behavior",
        "-moz-binding",
        "-ms-behavior",
        "animation",
        "animation-name",
        "transition",
        "cursor",
        "content",
        "will-change",
        "view-transition-name",
        "anchor-name",
        "z-index",
    }
)


class CssCleaner:
    """Cleans style sheets and style attributes.

    Args:
        resolve: gives an address of our own for a `cid:` URL, or None.

    Attributes:
        pictures: how many pictures were left out that would have been loaded.
        others: the same of style sheets and fonts.
    """

    def __init__(self, resolve: Callable[[str], str | None]) -> None:
        self._resolve = resolve
        self._rules = 0
        self._characters = 0
        self.pictures = 0
        self.others = 0

    def stylesheet(self, css: str) -> str:
        """Clean the content of a style element; what is beyond the limit is left out."""
        css = css[: MAX_CHARACTERS - self._characters]
        self._characters += len(css)
        rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
        return self._write(rules, 0)

    def attribute(self, css: str) -> str:
        """Clean the value of a style attribute; one beyond the limits is left out."""
        self._characters += len(css)
        if len(css) > MAX_ATTRIBUTE or self._characters > MAX_CHARACTERS:
            return ""
        return self._declarations(tinycss2.parse_blocks_contents(css, skip_comments=True))

    def _write(self, rules: Sequence[Node], depth: int) -> str:
        out: list[str] = []
        for rule in rules:
            self._rules += 1
            if self._rules > MAX_RULES:
                break
            if rule.type == "qualified-rule":
                declarations = self._declarations(
                    tinycss2.parse_blocks_contents(rule.content, skip_comments=True)
                )
                selector = self._selector(rule.prelude)
                if declarations and selector:
                    out.append(f"{selector}{{{declarations}}}")
            elif rule.type == "at-rule":
                out.append(self._at_rule(rule, depth))
        return _closed("\n".join(out))

    def _at_rule(self, rule: Any, depth: int) -> str:  # noqa: ANN401 - tinycss2's node, without types
        if rule.lower_at_keyword in {"import", "font-face"}:
            self.others += 1
            return ""
        if rule.lower_at_keyword != "media" or rule.content is None or depth >= MAX_DEPTH:
            return ""
        inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
        return f"@media{tinycss2.serialize(rule.prelude)}{{{self._write(inner, depth + 1)}}}"

    def _selector(self, tokens: Sequence[Node]) -> str:
        """Write a selector, or nothing for what is none; ids get the prefix that they have in the HTML."""
        out: list[str] = []
        for token in tokens:
            if token.type not in _SELECTOR_TOKENS:
                return ""
            if token.type == "hash":
                out.append(f"#{ID_PREFIX}{tinycss2.serialize([token])[1:]}")
            else:
                out.append(tinycss2.serialize([token]))
        return _closed("".join(out))

    def _declarations(self, nodes: Sequence[Node]) -> str:
        out: list[str] = []
        for node in nodes:
            if node.type != "declaration" or node.lower_name in _PROPERTIES or node.name.startswith("--"):
                continue
            value = self._value(node.value)
            if value is None or _leaves_frame(node.lower_name, value):
                continue
            out.append(f"{node.lower_name}:{value.strip()}{' !important' if node.important else ''}")
        return _closed(";".join(out))

    def _value(self, tokens: Sequence[Node]) -> str | None:
        """Write a value; None when the declaration must go."""
        waiting = list(tokens)
        while waiting:
            token = waiting.pop()
            if token.type == "url":
                if not self._own(token):
                    return None
            elif token.type == "function":
                if token.lower_name in _LOADING:
                    self.pictures += 1
                    return None
                if token.lower_name in _CALCULATING:
                    return None
                waiting += token.arguments
            elif token.type in {"() block", "[] block", "{} block"}:
                waiting += token.content
            elif token.type == "error":
                return None
        return str(tinycss2.serialize(tokens))

    def _own(self, token: Any) -> bool:  # noqa: ANN401 - tinycss2's node, without types
        address = self._resolve(token.value) if token.value.lower().startswith("cid:") else None
        if address is None:
            self.pictures += 1
            return False
        token.value = address
        token.representation = f'url("{address}")'
        return True


def _leaves_frame(name: str, value: str) -> bool:
    """Positions that pin a box to the window, and boxes that grow without end."""
    return name == "position" and value.strip().lower() in {"fixed", "sticky", "-webkit-sticky"}


def _closed(css: str) -> str:
    """No text of CSS may end the element it stands in; `<` is written as an escape."""
    return css.replace("<", "\\3c ")
