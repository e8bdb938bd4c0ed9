"""The best of a batch: overall, or of each user; near-duplicates count once.

Few of the rows are ever looked at as a whole. First the scores alone say which score the first rows of a list have at
least; then only rows from there on are read in full, put in order and folded. Where too few are left after folding,
the list goes on behind the last row that was looked at, four times as far.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from popscore import scale
from popscore.batch import schema
from popscore.batch.finished import Finished, opened
from popscore.batch.needs import BatchRefused
from popscore.errors import InvalidSetting, NothingToRank
from popscore.foreign_text import shortened
from popscore.models.spec import Json
from popscore.photos import similarity

MAX_RESULTS = 1_000_000
"""In all; each takes about 500 bytes of memory."""
MAX_FOLDED = 20_000
"""Of one list where near-duplicates are folded: each row is compared with all before it, 0.9 s for the first 4,000."""
_LEAST_WINDOW = 64  # rows of a list that are looked at first, where near-duplicates are folded
_ROWS = 5_000  # rows that come from DuckDB at one time
_TAKEN = 2_000  # rows that are folded at one time, or as many as the list has already
_HEAP_BYTES = 100_000_000  # for the scores of all lists that are looked at in one pass
_PLAIN = ("int", "uint", "bool", "string", "large_string", "string_view")
_NAMES = (schema.ID, schema.SCORE, schema.PERCENTILE, schema.LABEL, schema.WIDTH, schema.HEIGHT)

_Row = tuple[Any, ...]  # group, then `_NAMES`, then the signature


@dataclass(frozen=True, kw_only=True, slots=True)
class TopRow:
    """One row of a batch with its place.

    Attributes:
        of: the value of the column that lists are made for; None where there is one list.
        id: of the row.
        rank: 1 is best of the list; equal scores share a rank. Near-duplicates that are not shown count.
        score, percentile, label, width, height: of the row, see `popscore.batch.schema`.
        gap: score difference to the next row of the list; None for the last one.
        tier: 1 is best; rows of a tier cannot be told apart within the model's noise. None where that is not known.
        near_duplicates: rows of the list that are left out because they look like this one and score no more.
    """

    of: str | int | None
    id: str
    rank: int
    score: float
    percentile: float | None
    label: str
    width: int | None
    height: int | None
    gap: float | None
    tier: int | None
    near_duplicates: int

    def to_json(self) -> Json:
        """The result object."""
        return {
            "of": self.of,
            "id": self.id,
            "rank": self.rank,
            "score": round(self.score, 4),
            "percentile": None if self.percentile is None else round(self.percentile, 1),
            "label": self.label,
            "color": scale.band(self.score).color,
            "width": self.width,
            "height": self.height,
            "gap": None if self.gap is None else round(self.gap, 4),
            "tier": self.tier,
            "near_duplicates": self.near_duplicates,
        }


@dataclass(frozen=True, kw_only=True)
class Top:
    """The best rows of a batch.

    Attributes:
        model: as `ModelInfo.to_json`; what is not known is None.
        per: the column that lists are made for; None where there is one list.
        results: list after list, by the values of that column; in each the best first, equal scores by id.
        rows: of the batch.
        failed: rows without a score, and rows whose score is no number.
        without_group: rows with a score whose column `per` is empty; they are in no list.
        lists: how many.
        folded: near-duplicates were looked for.
    """

    model: Json
    per: str | None
    results: Sequence[TopRow]
    rows: int
    failed: int
    without_group: int
    lists: int
    folded: bool

    def to_json(self) -> Json:
        """The document of every door."""
        return {
            "model": self.model,
            "results": [row.to_json() for row in self.results],
            "errors": [],
            "per": self.per,
            "rows": self.rows,
            "failed": self.failed,
            "without_group": self.without_group,
            "lists": self.lists,
            "near_duplicates_folded": self.folded,
        }


def batch_top(destination: str, *, k: int = 1000, per: str | None = None, fold: bool | None = None) -> Top:
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


@dataclass(slots=True)
class _Entry:
    """A row that is shown."""

    row: _Row
    rank: int
    tier: int
    near_duplicates: int = 0


@dataclass(slots=True)
class _List:
    """The best rows of one list, while they are found."""

    of: str | int | None
    k: int
    noise: float
    folds: bool
    entries: list[_Entry] = field(default_factory=list)
    passed: int = 0  # rows, near-duplicates too
    last: _Row | None = None
    tier_score: float = 0.0
    rank: int = 0
    tier: int = 0

    @property
    def full(self) -> bool:
        return len(self.entries) >= self.k

    def add(self, rows: Sequence[_Row]) -> None:
        """The next rows, best first."""
        start = 0
        while start < len(rows) and not self.full:
            part = rows[start : start + max(_TAKEN, len(self.entries))]
            start += len(part)
            for row, original in zip(part, self._originals(part), strict=True):
                self._pass(row, original)
                if self.full:
                    break
        if rows:
            self.last = rows[-1]

    def _pass(self, row: _Row, original: _Entry | _Row | None) -> None:
        score = row[2]
        if not self.passed or score != self.last[2]:  # type: ignore[index]  # one has passed
            self.rank = self.passed + 1
        if not self.tier or self.tier_score - score > self.noise:
            self.tier += 1
            self.tier_score = score
        self.passed += 1
        self.last = row
        if original is None:
            self.entries.append(_Entry(row, self.rank, self.tier))
            return
        entry = original if isinstance(original, _Entry) else next(one for one in self.entries if one.row is original)
        entry.near_duplicates += 1

    def _originals(self, part: Sequence[_Row]) -> list[_Entry | _Row | None]:
        """Of each row the entry, or the row before it, that it looks like."""
        found: list[_Entry | _Row | None] = [None] * len(part)
        seen = [place for place, row in enumerate(part) if row[-1] is not None] if self.folds else []
        if not seen:
            return found
        known = [entry for entry in self.entries if entry.row[-1] is not None]
        signatures = [entry.row[-1] for entry in known] + [part[place][-1] for place in seen]
        if len(signatures) < 2:
            return found
        founders = similarity.groups(signatures, [None] * len(signatures))
        for place, founder, own in zip(seen, founders[len(known) :], range(len(known), len(signatures)), strict=True):
            if founder != own:
                found[place] = known[founder] if founder < len(known) else part[seen[founder - len(known)]]
        return found

    def rows(self, tiers: bool) -> Iterator[TopRow]:
        """The results."""
        for place, entry in enumerate(self.entries):
            _, name, score, percentile, label, width, height, _ = entry.row
            after = self.entries[place + 1].row[2] if place + 1 < len(self.entries) else None
            yield TopRow(
                of=self.of,
                id=name,
                rank=entry.rank,
                score=score,
                percentile=percentile,
                label=scale.band(score).label if label is None else label,
                width=width,
                height=height,
                gap=None if after is None else score - after,
                tier=entry.tier if tiers else None,
                near_duplicates=entry.near_duplicates,
            )


class _Asked:
    """One question to a batch."""

    def __init__(self, found: Finished, *, k: int, per: str | None, fold: bool | None) -> None:
        self._found, self._k, self._per = found, k, per
        has_signatures = schema.SIGNATURE in found.columns
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
        columns.append(f"{found.column(schema.SIGNATURE) if self._folds else 'NULL'} AS signature")
        columns.append(f"{self._group_column()} AS g")
        # The names of columns are quoted by `Finished.column`; they cannot be parameters.
        found.ask(f"CREATE TEMP VIEW scored AS SELECT {', '.join(columns)} FROM found WHERE isfinite(c1)")  # noqa: S608

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
        noise = self._found.noise
        return Top(
            model=model,
            per=self._per,
            results=[row for one in lists for row in one.rows(noise is not None)],
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

    def _new_list(self, of: str | int | None) -> _List:
        return _List(of, self._k, self._found.noise or 0.0, self._folds)

    def _windows(self) -> Iterator[int]:
        """How many rows of a list were looked at after each round."""
        window = max(2 * self._k, _LEAST_WINDOW) if self._folds else self._k
        while True:
            yield window
            window *= 4

    def _lists(self, total: int) -> list[_List]:
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
            best.add(self._found.connection.fetchall())
            seen = window
            if best.full or seen >= total:
                return [best]
        raise AssertionError

    def _lists_of_groups(self) -> list[_List]:
        """A list for each value of the column."""
        ask = self._found.ask
        ask("CREATE TEMP TABLE sizes AS SELECT g, count(*) AS n FROM scored WHERE g IS NOT NULL GROUP BY g")
        count, most = ask("SELECT count(*), sum(least(n, ?)) FROM sizes", [self._k]).fetchone()
        if most > MAX_RESULTS:
            raise InvalidSetting(
                f"The best {self._k} of {count} values of {shortened(self._per or '')} are {most} rows, and "
                f"{MAX_RESULTS} is the most. Ask for fewer of each."
            )
        ask("CREATE TEMP TABLE late (g VARCHAR, s DOUBLE, i VARCHAR)")
        lists: dict[str | int, _List] = {}
        late = ""
        seen = 0
        for window in self._windows():
            self._make_cuts(window, late)
            waiting: list[tuple[str | int, float, str]] = []

            def end(
                of: str | int, rows: list[_Row], n: int, window: int = window, waiting: list[Any] = waiting
            ) -> None:
                one = lists.setdefault(of, self._new_list(of))
                one.add(rows)
                if not one.full and n > window and one.last is not None:
                    waiting.append((of, one.last[2], one.last[1]))

            self._each_group(late, window - seen, end)
            seen = window
            if not waiting:
                break
            late = "JOIN late ON CAST(scored.g AS VARCHAR) = late.g"
            ask("DELETE FROM late")
            self._found.connection.executemany(
                "INSERT INTO late VALUES (?, ?, ?)", [(str(of), score, name) for of, score, name in waiting]
            )
        return [lists[of] for of in sorted(lists)]  # type: ignore[type-var]  # of one type

    def _make_cuts(self, window: int, late: str) -> None:
        """The score of the last row of the window, of each group that has more."""
        ask = self._found.ask
        ask("CREATE OR REPLACE TEMP TABLE cuts (g VARCHAR, m DOUBLE)")
        (scores,) = ask("SELECT coalesce(sum(least(n, ?)), 0) FROM sizes WHERE n > ?", [window, window]).fetchone()
        passes = 1 + 16 * int(scores) // _HEAP_BYTES
        for number in range(passes if scores else 0):
            ask(
                "INSERT INTO cuts SELECT CAST(scored.g AS VARCHAR), "  # noqa: S608  whole numbers and fixed words
                f"max(c1, {window})[-1] FROM scored JOIN sizes USING (g) {late} "
                f"WHERE n > ? AND hash(scored.g) % ? = ? GROUP BY scored.g",
                [window, passes, number],
            )

    def _each_group(self, late: str, most: int, end: Callable[[str | int, list[_Row], int], None]) -> None:
        """Hand over the next rows of each group, best first."""
        after = "AND (c1 < s OR (c1 = s AND c0 > i))" if late else ""
        self._found.ask(
            "SELECT scored.g, c0, c1, c2, c3, c4, c5, signature, n FROM scored JOIN sizes USING (g) "  # noqa: S608
            f"LEFT JOIN cuts ON CAST(scored.g AS VARCHAR) = cuts.g {late} "
            f"WHERE (m IS NULL OR c1 >= m) {after} ORDER BY scored.g, c1 DESC, c0"
        )
        rows: list[_Row] = []
        size = 0
        while part := self._found.connection.fetchmany(_ROWS):
            for *row, n in part:
                if rows and rows[0][0] != row[0]:
                    end(rows[0][0], rows, size)
                    rows = []
                if len(rows) < most:
                    rows.append(tuple(row))
                size = n
        if rows:
            end(rows[0][0], rows, size)
