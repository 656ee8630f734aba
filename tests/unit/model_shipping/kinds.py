"""Functions of every kind that people write, in one module that is not installed anywhere."""

# people write like this
# ruff: noqa: ANN205, ANN206, C416, DTZ001, E702, ICN001, PLC3002, PLW0603, PTH118, RET504, SIM300, UP037, F821

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import json as js
import logging
import math
import os.path
import re
import xml.etree.ElementTree
from collections import OrderedDict
from datetime import datetime as when
from pathlib import PurePosixPath
from typing import NamedTuple

from pydantic import BaseModel

LIMIT = 3
TABLE = {"a": [1, 2.5, None, True], "b": ("x", b"y")}
ENDLESS = math.inf
PATTERN = re.compile(r"(\d+)", re.IGNORECASE)
ROOT = PurePosixPath("/data")
logger = logging.getLogger("kinds")


class Colour(enum.Enum):
    RED = 1


class Box(BaseModel):
    size: int


class Pair(NamedTuple):
    left: int
    right: int


@dataclasses.dataclass
class Point:
    x: int = LIMIT

    def doubled(self) -> int:
        return double(self.x)


class Counter:
    def __init__(self, start: int) -> None:
        self.start = start

    def add(self, value):
        return self.start + value

    @staticmethod
    def negate(value):
        return -value

    @classmethod
    def name_of(cls, value):
        return f"{cls.__name__} {value}"

    def __call__(self, value):
        return self.start * value


def double(value):
    return value * 2


def times(factor):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs) * factor

        return wrapper

    return decorate


def bare(function):
    def wrapper(value):
        return function(value) + 100

    return wrapper


def plain(value):
    return value + 1


def with_defaults(value, add=LIMIT, *, scale=2):
    return (value + add) * scale


def uses_globals(value):
    return [value, LIMIT, TABLE["a"], TABLE["b"][1].decode(), ENDLESS > value]


def uses_modules(value):
    return [js.dumps(value), os.path.join("a", str(value)), xml.etree.ElementTree.fromstring("<a/>").tag]


def uses_names(value):
    return [OrderedDict(a=value)["a"], when(2020, 1, value).day, collections.Counter([value])[value]]


def uses_objects(value):
    logger.debug("value %s", value)
    return [PATTERN.findall(f"a{value}"), str(ROOT / str(value))]


def calls_helpers(value):
    return double(double(value))


def uses_classes(value):
    return [Point(value).doubled(), Point().doubled(), Colour(1).name, Pair(value, 2).right, Box(size=value).size]


def recursive(value):
    return 1 if value < 2 else value * recursive(value - 1)


def even(value):
    return True if value == 0 else odd(value - 1)


def odd(value):
    return False if value == 0 else even(value - 1)


def imports_inside(value):
    from fractions import Fraction

    return str(Fraction(value, 3))


def multiline(value):
    text = """first
        second
  third"""
    return f"{text}\
 {value}"


def comprehends(value):
    return sum(each * LIMIT for each in range(value) if each) + len({each for each in (value, value)})


async def asynchronous(value):
    return value * 5


@times(3)
def decorated(value):
    return value + 1


@bare
def decorated_barely(value):
    return value + 1


@functools.lru_cache(maxsize=7)
def cached(value):
    return value * 11


def annotated(value: Box, other: "NoSuchName" = 4) -> Pair:
    return value + other


def mangled(value):
    holder = type("Holder", (), {"__secret": value})
    return holder.__secret


def writes_global(value):
    global LIMIT
    LIMIT = LIMIT + value
    return LIMIT


def with_two_statements(value): value = value + 8; return value  # fmt: skip


one, two = lambda value: value + 1, lambda value, add=LIMIT: value + add

nested_lambda = lambda value: (lambda other: other + value)(LIMIT)


def closures():
    offset, names = 10, {"a": [1, 2]}

    def adds(value):
        return value + offset + names["a"][1]

    def calls(value):
        return adds(value) * 2

    if names:

        def indented_deeply(value):
            if value:
                # a comment
                return """
    kept
""" + str(value + offset)
            return None

    counted = 0

    def counts(value):
        nonlocal counted
        counted += value
        return counted

    return adds, calls, indented_deeply, counts
