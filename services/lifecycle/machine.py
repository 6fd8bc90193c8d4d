"""State machines: each arrow of the diagram is a function, and nothing else writes a state.

The function gets the row and what came of the work, and returns the columns to write. The decorator
turns it into the write itself, which takes the session first, and takes effect only while the row
is in one of the states that the arrow starts in.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, and_, true, update
from sqlalchemy.orm import InstrumentedAttribute

from services.errors import Lost
from services.store import leases
from services.store.engine import Session
from services.store.tables import Base

Row = TypeVar("Row", bound=Base)
Made = TypeVar("Made")
State = TypeVar("State", bound=StrEnum)
Columns = TypeVar("Columns", bound=Mapping[str, object])
P = ParamSpec("P")

Guarded = Callable[Concatenate[Session, Row, P], Coroutine[Any, Any, None]]
Pressed = Callable[Concatenate[Session, Row, P], Coroutine[Any, Any, bool]]
Many = Callable[Concatenate[Session, ColumnElement[bool], P], Coroutine[Any, Any, Sequence[Row]]]
Fact = TypeVar("Fact")

Together = Callable[[Session, Mapping[Row, Fact]], Coroutine[Any, Any, Sequence[Row]]]
Function = TypeVar("Function", bound=Callable[..., Any])


def _named(function: Function, after: Callable[..., Any]) -> Function:
    """Return the function under the name of the one that it was made of."""
    update_wrapper(function, after)
    return function


def _as_read(row: Base, columns: Collection[InstrumentedAttribute[Any]]) -> ColumnElement[bool]:
    same = (each.is_not_distinct_from(getattr(row, each.key)) for each in columns)
    return and_(true(), *same)


@dataclass(frozen=True, slots=True)
class Arrow(Generic[State]):
    """One way from some states to another; without sources it is where a row begins."""

    name: str
    sources: tuple[State, ...]
    target: State


class Machine(Generic[Row, State, Columns]):
    """The states of one column, and the arrows between them.

    `columns` is a TypedDict of what the arrows may write beside the state.
    """

    def __init__(
        self,
        name: str,
        table: type[Row],
        state: InstrumentedAttribute[State],
        columns: type[Columns],
    ) -> None:
        """Begin without arrows; the decorators add them."""
        self.name = name
        self.table = table
        self.columns = columns
        self.arrows: list[Arrow[State]] = []
        self._state = state

    def start(self, target: State) -> Callable[[Callable[P, Made]], Callable[P, Made]]:
        """Declare a function that makes a new row, or its columns, in this state."""

        def declared(make: Callable[P, Made]) -> Callable[P, Made]:
            self.arrows.append(Arrow(make.__name__, (), target))
            return make

        return declared

    def arrow(
        self, sources: Collection[State], target: State
    ) -> Callable[[Callable[Concatenate[Row, P], Columns]], Guarded[Row, P]]:
        """Declare what the worker that has the row does; it raises `Lost` without the fence."""

        def declared(columns: Callable[Concatenate[Row, P], Columns]) -> Guarded[Row, P]:
            arrow = self._add(columns.__name__, sources, target)

            async def go(session: Session, row: Row, /, *args: P.args, **kwargs: P.kwargs) -> None:
                values = {self._state.key: arrow.target, **columns(row, *args, **kwargs)}
                where = self._fence_of(row) & self._state.in_(arrow.sources)
                if not await leases.write_where(session, row, where, **values):
                    raise Lost

            return _named(go, columns)

        return declared

    def together(
        self, sources: Collection[State], target: State
    ) -> Callable[[Callable[[Row, Fact], Columns]], Together[Row, Fact]]:
        """Declare what a worker with many rows does, with the outcome of each.

        It returns the rows that it wrote; whoever lost the fence of one leaves it alone.
        """

        def declared(columns: Callable[[Row, Fact], Columns]) -> Together[Row, Fact]:
            arrow = self._add(columns.__name__, sources, target)
            return self._together(columns, arrow.sources, {self._state.key: arrow.target})

        return declared

    def note_together(
        self, *states: State
    ) -> Callable[[Callable[[Row, Fact], Columns]], Together[Row, Fact]]:
        """Declare a write to many rows that changes no state, allowed in these states."""
        return lambda columns: self._together(columns, states, {})

    def _together(
        self,
        columns: Callable[[Row, Fact], Columns],
        sources: Collection[State],
        state: Mapping[str, State],
    ) -> Together[Row, Fact]:
        async def go(session: Session, facts: Mapping[Row, Fact], /) -> Sequence[Row]:
            values = {row: {**state, **columns(row, fact)} for row, fact in facts.items()}
            return await leases.write_all(session, values, self._state.in_(sources))

        return _named(go, columns)

    def note(self, columns: Callable[Concatenate[Row, P], Columns]) -> Guarded[Row, P]:
        """Declare a write under the fence that changes no state; it raises `Lost`, too."""
        return self.note_as_read()(columns)

    def note_as_read(
        self, *as_read: InstrumentedAttribute[Any]
    ) -> Callable[[Callable[Concatenate[Row, P], Columns]], Guarded[Row, P]]:
        """Declare a note that lands only while these columns are what the row in memory says."""

        def declared(columns: Callable[Concatenate[Row, P], Columns]) -> Guarded[Row, P]:
            async def go(session: Session, row: Row, /, *args: P.args, **kwargs: P.kwargs) -> None:
                where = self._fence_of(row) & _as_read(row, as_read)
                values = columns(row, *args, **kwargs)
                if not await leases.write_where(session, row, where, **values):
                    raise Lost

            return _named(go, columns)

        return declared

    def press(
        self,
        sources: Collection[State],
        target: State,
        *,
        as_read: Collection[InstrumentedAttribute[Any]] = (),
        grows: Collection[InstrumentedAttribute[int]] = (),
    ) -> Callable[[Callable[Concatenate[Row, P], Columns]], Pressed[Row, P]]:
        """Declare what people ask for: of several who press, one gets True.

        It lands only while the columns `as_read` are what the row in memory says, and adds one to
        those that it `grows`: the fence, where it takes the row from whoever works on it.
        """

        def declared(columns: Callable[Concatenate[Row, P], Columns]) -> Pressed[Row, P]:
            arrow = self._add(columns.__name__, sources, target)

            async def go(session: Session, row: Row, /, *args: P.args, **kwargs: P.kwargs) -> bool:
                values = {self._state.key: arrow.target, **columns(row, *args, **kwargs)}
                values |= {each.key: each + 1 for each in grows}
                where = self._state.in_(arrow.sources) & _as_read(row, as_read)
                return await leases.write_where(session, row, where, **values)

            return _named(go, columns)

        return declared

    def each(
        self,
        sources: Collection[State],
        target: State,
        *,
        grows: Collection[InstrumentedAttribute[int]] = (),
    ) -> Callable[[Callable[P, Columns]], Many[P, Row]]:
        """Declare what happens to every row that some condition fits; it returns those rows."""

        def declared(columns: Callable[P, Columns]) -> Many[P, Row]:
            arrow = self._add(columns.__name__, sources, target)

            async def go(
                session: Session, where: ColumnElement[bool], /, *args: P.args, **kwargs: P.kwargs
            ) -> Sequence[Row]:
                values = {self._state.key: arrow.target, **columns(*args, **kwargs)}
                values |= {each.key: each + 1 for each in grows}
                values = leases.ended(self.table, values)
                found = await session.scalars(
                    update(self.table)
                    .where(where, self._state.in_(arrow.sources))
                    .values(**values)
                    .returning(self.table)
                    .execution_options(populate_existing=True)
                )
                return found.all()

            return _named(go, columns)

        return declared

    def diagram(self) -> str:
        """Draw the machine as a Mermaid state diagram."""
        labels: dict[tuple[str, str], list[str]] = {}
        order = ["[*]", *type(self.arrows[0].target)]
        for arrow in self.arrows:
            for source in arrow.sources or ("[*]",):
                labels.setdefault((str(source), str(arrow.target)), []).append(arrow.name)
        pairs = sorted(labels, key=lambda pair: (order.index(pair[0]), order.index(pair[1])))
        drawn = [f"    {pair[0]} --> {pair[1]}: {', '.join(labels[pair])}" for pair in pairs]
        return "\n".join(["stateDiagram-v2", *drawn])

    def _add(self, name: str, sources: Collection[State], target: State) -> Arrow[State]:
        arrow = Arrow(name, tuple(sources), target)
        self.arrows.append(arrow)
        return arrow

    def _fence_of(self, row: Row) -> ColumnElement[bool]:
        fence: InstrumentedAttribute[int] = self.table.fence  # type: ignore[attr-defined]
        held: ColumnElement[bool] = fence == getattr(row, fence.key)
        return held
