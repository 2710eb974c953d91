"""What of Python's regular expressions Sidestream's engine (RE2) doesn't take.

Topics are compared with expressions of an old configuration in two places: here by Python's engine, in Sidestream by one
that is never slow. One that would mean something else there, or nothing, is refused.
"""

import re

_REPEATS_MAX = 1_000
# An escape, a class, the beginning of a group, a repetition, or any character.
_TOKEN = re.compile(
    r"""\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?(?:P?<[=!]?|P=|[=!:>(\#]|[a-zA-Z-]+[:)])|[*+?]|\{\d*,?\d*\}|.""", re.DOTALL
)
_GROUPS = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<=": "look-behind",
    "(?<!": "look-behind",
    "(?P=": "a back-reference",
    "(?>": "an atomic group",
    "(?(": "a condition",
    "(?#": "a comment",
}
_REPEAT = re.compile(r"[*+?]|\{\d*,?\d*\}")
_FLAGS = re.compile(r"\(\?([a-zA-Z-]+)[:)]")


def re2_problem(expression: str) -> str | None:
    """What is in an expression that RE2 doesn't take; None: nothing."""
    try:
        re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        return f"it is no regular expression: {error}"
    if re.search(r"[\r\n]", expression) is not None:
        return "it has a line break in it"
    before = ""
    for token in _TOKEN.findall(expression):
        problem = _GROUPS.get(token) or _token_problem(token, before)
        if problem is not None:
            return f"it has {problem} in it, {token}"
        before = token
    return None


def _token_problem(token: str, before: str) -> str | None:
    if re.fullmatch(r"\\[1-9]", token):
        return "a back-reference"
    if re.fullmatch(r"\\[ZuUN]", token) or (token.startswith("[") and re.search(r"\\[uUN]", token)):
        return "an escape that only Python knows"
    flags = _FLAGS.fullmatch(token)
    if flags is not None and set(flags[1]) - set("ims-"):
        return "a flag that only Python knows"
    if token == "+" and _REPEAT.fullmatch(before) and before != "":
        return "a possessive repetition"
    if token.startswith("{") and any(int(each) > _REPEATS_MAX for each in re.findall(r"\d+", token)):
        return f"more than {_REPEATS_MAX} repetitions"
    return None


def as_rule_regex(expression: str) -> str:
    """As a rule of Sidestream has it: found from the beginning of the value on, a slash written with a backslash."""
    escaped = re.sub(r"\\.|/", lambda each: "\\/" if each[0] == "/" else each[0], expression, flags=re.DOTALL)
    return f"/^(?:{escaped})/"
