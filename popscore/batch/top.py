"""The best of a batch: overall, or of each user; near-duplicates count once.

Few of the rows are ever looked at as a whole. First the scores alone say which score the first rows of a list have at
least; then only rows from there on are read in full, put in order and folded. Where too few are left after folding,
the list goes on behind the last row that was looked at, four times as far.
"""

import os
from collections.abc import Iterator, Sequence

from popscore.batch import schema
from popscore.batch.finished import Finished, opened
from popscore.batch.needs import BatchRefused
from popscore.batch.top_rows import TAKEN, Row, ShortList, Top, TopRow
from popscore.errors import InvalidSetting, NothingToRank
from popscore.foreign_text import shortened
from popscore.models.spec import Json
from popscore.photos import similarity

MAX_RESULTS = 1_000_000
"""In all; each takes about 300 bytes of memory."""
MAX_FOLDED = 20_000
"""Of one list where near-duplicates are folded: each row is compared with all before it, 0.9 s for the first 4,000."""
_LEAST_WINDOW = 64  # rows of the one list that are looked at first, where near-duplicates are folded
_SMALL = 64  # lists of up to so many rows are folded many at a time
_ROWS = 5_000  # rows that come from DuckDB at one time
_HEAP_BYTES = 100_000_000  # for the scores of all lists that are looked at in one pass
_MAX_HEAP = 1_000_000  # scores of one list; DuckDB's own limit
_PLAIN = ("int", "uint", "bool", "string", "large_string", "string_view")
_NAMES = (schema.ID, schema.SCORE, schema.PERCENTILE, schema.LABEL, schema.WIDTH, schema.HEIGHT)

_Part = tuple[str | int, list[Row], int]  # a group, its next rows, and how many it has in all


def batch_top(
    destination: str | os.PathLike[str], *, k: int = 1000, per: str | None = None, fold: bool | None = None
) -> Top:
    """The k best rows of a batch, or of each value of a column.

    Args:
        destination: what `popscore.batch` has written: a folder, or s3://BUCKET/PREFIX.
        k: rows of a list.
        per: a column, `user` for one: a list for each of its values.
        fold: show the best of near-duplicates only. By default where the batch has signatures.

    Raises:
        InvalidSetting: k is below 1, or the results would be more than `MAX_RESULTS`, or a list longer than
            `MAX_FOLDED` with near-duplicates folded.
        NothingToRank: no row has a score.
        BatchMissing, BatchRefused, StoreFailed: as `popscore.batch.finished.opened`; or the rows are of several
            models, or there is no such column.
    """
    if not 0 < k <= MAX_RESULTS:
        raise InvalidSetting(f"k={k} cannot be used: it must be a whole number from 1 to {MAX_RESULTS}.")
    with opened(destination) as found:
        return _Asked(found, k=k, per=per, fold=fold).top()


class _Asked:
    """One question to a batch."""

    def __init__(self, found: Finished, *, k: int, per: str | None, fold: bool | None) -> None:
        self._found, self._k, self._per = found, k, per
        has_signatures = "binary" in found.types.get(schema.SIGNATURE, "")
        if fold and not has_signatures:
            raise BatchRefused(
                f"{found.name} has no column {schema.SIGNATURE}, so near-duplicates cannot be told. Give --no-fold, or "
                "run the batch with --signature."
            )
        self._folds = has_signatures if fold is None else fold
        if self._folds and k > MAX_FOLDED:
            raise InvalidSetting(
                f"k={k} cannot be used: it is {MAX_FOLDED} at most where near-duplicates are folded. Give --no-fold."
            )
        self._make_view()

    def _make_view(self) -> None:
        found = self._found
        columns = [f"{found.column(name)} AS c{place}" for place, name in enumerate(_NAMES)]
        columns[0] = f"coalesce({found.column(schema.ID)}, '') AS c0"
        # One of another length is another program's, and no near-duplicate of any.
        mine = f"CASE WHEN octet_length({schema.SIGNATURE}) = {similarity.SIGNATURE_BYTES} THEN {schema.SIGNATURE} END"
        columns.append(f"{mine if self._folds else 'NULL'} AS signature")
        columns.append(f"{self._group_column()} AS g")
        # The names of columns are quoted by `Finished.column`; they cannot be parameters.
        usable = f"isfinite({found.column(schema.SCORE)})"
        found.ask(f"CREATE TEMP VIEW scored AS SELECT {', '.join(columns)} FROM found WHERE {usable}")  # noqa: S608

    def _group_column(self) -> str:
        if self._per is None:
            return "0"
        column, kind = self._found.column(self._per), self._found.types[self._per]
        if kind.startswith(("list", "large_list", "fixed", "struct", "map", "binary", "large_binary", "union")):
            raise BatchRefused(
                f"The column {shortened(self._per)} of {self._found.name} holds {shortened(kind)}, which names "
                "nobody. Name another column."
            )
        return column if kind.startswith(_PLAIN) else f"CAST({column} AS VARCHAR)"

    def top(self) -> Top:
        """The answer."""
        rows, scored, grouped, model = self._counts()
        if not grouped:
            what = "score" if not scored else f"score and a value in the column {shortened(self._per or '')}"
            raise NothingToRank(f"There is no best row: no row of {self._found.name} has a {what}.")
        lists = self._lists(grouped) if self._per is None else self._lists_of_groups()
        return Top(
            model=model,
            per=self._per,
            results=[row for one in lists for row in one],
            rows=rows,
            failed=rows - scored,
            without_group=scored - grouped,
            lists=len(lists),
            folded=self._folds,
        )

    def _counts(self) -> tuple[int, int, int, Json]:
        """Rows, those with a score, those of them with a group, and the model."""
        found = self._found
        hashed, score = found.column(schema.MODEL_SHA256), found.column(schema.SCORE)
        group = "TRUE" if self._per is None else f"{found.column(self._per)} IS NOT NULL"
        query = (
            f"SELECT count(*), count(*) FILTER (isfinite({score})), count(*) FILTER (isfinite({score}) AND {group}), "  # noqa: S608
            f"min(coalesce({hashed}, '')), max(coalesce({hashed}, '')) FROM found"
        )
        rows, scored, grouped, first, last = found.ask(query).fetchone()
        known = found.model["sha256"]
        if rows and (first != last or known not in (None, first)):
            names = [shortened(one)[:12] or "none" for one in (first, last if first != last else known)]
            raise BatchRefused(
                f"{found.name} holds results of several models, {names[0]} and {names[1]} for two. Their scores cannot "
                "be compared. Put them into folders of their own."
            )
        return rows, scored, grouped, {**found.model, "sha256": first}

    def _new_list(self, of: str | int | None) -> ShortList:
        return ShortList(of, self._k, self._found.noise or 0.0, self._folds)

    def _rows(self, one: ShortList) -> list[TopRow]:
        return list(one.rows(self._found.noise is not None))

    def _windows(self) -> Iterator[int]:
        """How many rows of a list were looked at after each round."""
        window = self._k
        if self._folds:
            window = 2 * self._k + 2 if self._per is not None else max(2 * self._k, _LEAST_WINDOW)
        while True:
            yield window
            window *= 4

    def _lists(self, total: int) -> list[list[TopRow]]:
        """The one list."""
        best = self._new_list(None)
        seen = 0
        for window in self._windows():
            (least,) = self._found.ask(
                "SELECT min(c1) FROM (SELECT c1 FROM scored ORDER BY c1 DESC LIMIT ?)", [window]
            ).fetchone()
            after, values = "", [least]
            if best.last is not None:
                after = "AND (c1 < ? OR (c1 = ? AND c0 > ?))"
                values += [best.last[2], best.last[2], best.last[1]]
            self._found.ask(
                f"SELECT g, c0, c1, c2, c3, c4, c5, signature FROM scored WHERE c1 >= ? {after} "  # noqa: S608
                "ORDER BY c1 DESC, c0 LIMIT ?",
                [*values, window - seen],
            )
            while not best.full and (rows := self._found.connection.fetchmany(max(_ROWS, len(best.entries)))):
                best.add(rows)
            seen = window
            if best.full or seen >= total:
                return [self._rows(best)]
        raise AssertionError

    def _lists_of_groups(self) -> list[list[TopRow]]:
        """A list for each value of the column."""
        ask = self._found.ask
        ask("CREATE TEMP TABLE sizes AS SELECT g, count(*) AS n FROM scored WHERE g IS NOT NULL GROUP BY g")
        count, most = ask("SELECT count(*), sum(least(n, ?)) FROM sizes", [self._k]).fetchone()
        if most > MAX_RESULTS:
            raise InvalidSetting(
                f"The best {self._k} of {count} values of {shortened(self._per or '')} are {most} rows, and "
                f"{MAX_RESULTS} is the most. Ask for fewer of each."
            )
        # Tables that begin without rows have the type of the column. `late`: groups that go on, and behind which row.
        ask("CREATE TEMP TABLE cuts AS SELECT g, c1 AS m FROM scored LIMIT 0")
        ask("CREATE TEMP TABLE late AS SELECT g, c1 AS s, c0 AS i FROM scored LIMIT 0")
        lists: dict[str | int, ShortList] = {}
        finished: dict[str | int, list[TopRow]] = {}
        late = ""
        seen = 0
        for window in self._windows():
            self._make_cuts(window, late)
            waiting: list[Row] = []
            for some in self._parts(late, window - seen):
                self._fold(some, lists)
                for of, rows, n in some:
                    if not lists[of].full and n > window:
                        waiting.append(rows[-1])
                    else:  # without its signatures it takes a third of the memory
                        finished[of] = self._rows(lists.pop(of))
            seen = window
            if not waiting:
                break
            late = "JOIN late USING (g)"
            self._go_on_behind(waiting)
        return [finished[of] for of in sorted(finished)]

    def _go_on_behind(self, rows: Sequence[Row]) -> None:
        """Fill the table `late` with the last rows that were looked at."""
        import pyarrow

        columns = {name: [row[place] for row in rows] for name, place in (("g", 0), ("s", 2), ("i", 1))}
        self._found.connection.register("late_rows", pyarrow.table(columns))
        self._found.ask("DELETE FROM late")
        self._found.ask("INSERT INTO late SELECT g, s, i FROM late_rows")
        self._found.connection.unregister("late_rows")

    def _make_cuts(self, window: int, late: str) -> None:
        """The score of the last row of the window, of each group that has more."""
        ask = self._found.ask
        ask("DELETE FROM cuts")
        (scores,) = ask("SELECT coalesce(sum(least(n, ?)), 0) FROM sizes WHERE n > ?", [window, window]).fetchone()
        passes = 1 + 16 * int(scores) // _HEAP_BYTES
        for number in range(passes if scores and window < _MAX_HEAP else 0):
            ask(
                f"INSERT INTO cuts SELECT scored.g, max(c1, {window})[-1] FROM scored JOIN sizes USING (g) {late} "  # noqa: S608
                f"WHERE n > ? AND hash(scored.g) % ? = ? GROUP BY scored.g",
                [window, passes, number],
            )

    def _fold(self, some: Sequence[_Part], lists: dict[str | int, ShortList]) -> None:
        """Put the next rows of some groups into their lists."""
        small: list[_Part] = []
        for part in some:
            if self._folds and part[0] not in lists and len(part[1]) <= _SMALL:
                small.append(part)
            else:
                lists.setdefault(part[0], self._new_list(part[0])).add(part[1])
        seen = [
            (number, place)
            for number, (_, rows, _) in enumerate(small)
            for place, row in enumerate(rows)
            if row[-1] is not None
        ]
        founders = similarity.groups_of_each(
            [small[number][1][place][-1] for number, place in seen], [number for number, _ in seen]
        )
        originals = [list(range(len(rows))) for _, rows, _ in small]
        for (number, place), founder in zip(seen, founders, strict=True):
            originals[number][place] = seen[founder][1]
        for (of, rows, _), own in zip(small, originals, strict=True):
            lists[of] = self._new_list(of)
            lists[of].add(rows, own)

    def _parts(self, late: str, most: int) -> Iterator[list[_Part]]:
        """The next rows of each group, best first, some groups at a time."""
        after = "AND (c1 < s OR (c1 = s AND c0 > i))" if late else ""
        self._found.ask(
            "SELECT scored.g, c0, c1, c2, c3, c4, c5, signature, n FROM scored JOIN sizes USING (g) "  # noqa: S608
            f"LEFT JOIN cuts USING (g) {late} "
            f"WHERE (m IS NULL OR c1 >= m) {after} ORDER BY scored.g, c1 DESC, c0"
        )
        parts: list[_Part] = []
        held = 0
        while fetched := self._found.connection.fetchmany(_ROWS):
            for *row, n in fetched:
                if not parts or parts[-1][0] != row[0]:
                    if held >= TAKEN:
                        yield parts
                        parts, held = [], 0
                    parts.append((row[0], [], n))
                if len(parts[-1][1]) < most:
                    parts[-1][1].append(tuple(row))
                    held += 1
        if parts:
            yield parts
