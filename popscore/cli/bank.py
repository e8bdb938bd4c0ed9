"""The command `bank`: a person's memory bank."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popscore.cli.answers import announce, json_text, rows_text
from popscore.cli.arguments import Commands, add_json, moment
from popscore.cli.pairs import column
from popscore.cli.terminal import ALL_WELL, NOTHING_DONE, SOME_FAILED, Progress, complain, complain_about, write
from popscore.foreign_text import printable

if TYPE_CHECKING:
    from popscore.personal.adding import Added
    from popscore.personal.keeping import BankState

_SHOWN_ERRORS = 10
_WIDTH = 22


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add the command."""
    bank = commands.add_parser(
        "bank",
        help="a person's past posts, from which their own audience is learnt",
        description="A memory bank is one file that knows how a person's past posts did and what their pictures look "
        "like. With it, score, rank, frames, compare and crops go by that person's own audience: --bank FILE.",
    )
    parts = bank.add_subparsers(title="what to do", metavar="add|show|forget", required=True)
    _add_add(parts.add_parser("add", help="put posts into a bank, which is made if it is not there"))
    show = parts.add_parser("show", help="what is in a bank")
    _add_file(show)
    add_json(show)
    show.set_defaults(part=_show)
    forget = parts.add_parser("forget", help="take posts out of a bank, with all that was seen in their pictures")
    forget.add_argument("ids", nargs="*", metavar="ID", help="of a post, as `bank show --json` names it")
    forget.add_argument("--before", type=moment, metavar="TIME", help="all posts before this time")
    forget.add_argument("--all", action="store_true", help="all posts")
    _add_file(forget)
    add_json(forget)
    forget.set_defaults(part=_forget, refuse=forget.error)
    return bank


def _add_add(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "posts", metavar="POSTS", help="a table of posts (.csv, .tsv, .jsonl, .parquet), or an Instagram export (.zip)"
    )
    command.add_argument("--images", metavar="DIR", help="folder with the photos that a table names")
    _add_file(command)
    command.add_argument("--likes", metavar="FILE", help="a table that gives the likes, by id or by time")
    command.add_argument(
        "--column",
        metavar="NAME=COLUMN",
        type=column,
        action="append",
        default=[],
        help="which column holds id, time, likes, image, caption, user or video; usual names are found without",
    )
    command.add_argument("--encoding", help="of the table, where it is not UTF-8: cp1252, latin-1 and so on")
    command.add_argument("--user", metavar="NAME", help="whose posts, where the table has those of several people")
    command.add_argument(
        "--no-people", action="store_true", help="do not look for people: faster, but then --similar compares no poses"
    )
    command.add_argument("--previews", action="store_true", help="keep small pictures too, 128 pixels wide")
    command.add_argument(
        "--again", action="store_true", help="the bank was made with another model: look at all pictures once more"
    )
    add_json(command)
    command.set_defaults(part=_add)


def _add_file(command: argparse.ArgumentParser) -> None:
    command.add_argument("--bank", metavar="FILE", required=True, help="the bank's file")


def run(options: argparse.Namespace) -> int:
    """Do one of the three."""
    return int(options.part(options))


def _add(options: argparse.Namespace) -> int:
    import popscore
    from popscore.personal.bank import add_to_file
    from popscore.personal.source import Source

    source = Source(
        posts=options.posts,
        images=options.images,
        columns=dict(options.column),
        encoding=options.encoding,
        user=options.user,
        likes=options.likes,
    )
    scorer = popscore.load_scorer()
    announce(scorer.model)
    try:
        with Progress(of="posts") as progress:
            added = add_to_file(
                options.bank,
                source,
                scorer=scorer,
                people=not options.no_people,
                previews=options.previews,
                again=options.again,
                on_progress=progress.update,
            )
    except KeyboardInterrupt:
        complain(f"{options.bank}: what was done is kept. The same command goes on from there.")
        raise
    if options.json:
        rows = [
            {"file": options.posts, "row": error.row, "error": "UnreadableRow", "message": error.message}
            for error in added.rows
        ]
        document = {
            "model": scorer.model.to_json(),
            "results": [{"file": options.bank, **added.to_json()}],
            "errors": [*rows, *(error.to_json() for error in added.errors)],
            "remarks": list(added.remarks),
        }
        write(json_text(document))
    else:
        write(
            f"{printable(options.bank)}: {added.added:,} posts added, {added.updated:,} changed, "
            f"{added.unchanged:,} there before\n"
        )
    return _status(added)


def _status(added: "Added") -> int:
    for remark in added.remarks:
        complain(remark)
    messages = [*(error.message for error in added.rows), *(str(error.error) for error in added.errors)]
    count = added.failed + len(added.errors)
    complain_about(messages, more="more posts could not be used.", shown=_SHOWN_ERRORS, total=count)
    if not added.added + added.updated + added.unchanged:
        return NOTHING_DONE
    return SOME_FAILED if count else ALL_WELL


def _show(options: argparse.Namespace) -> int:
    from popscore.personal.keeping import bank_state

    state = bank_state(options.bank)
    if options.json:
        posts = [post.to_json() for post in state.posts]
        write(json_text({"model": None, "results": [state.to_json()], "errors": [], "posts": posts}))
    else:
        write(rows_text(_rows(state), width=_WIDTH))
    return ALL_WELL


def _rows(state: "BankState") -> Iterator[tuple[str, str | None]]:
    found: dict[str, Any] = state.to_json()
    yield "posts", f"{len(state.posts):,}"
    if state.posts:
        yield "from", f"{found['first'][:10]} to {found['last'][:10]}"
    for name, count in (
        ("likes not known", state.hidden),
        ("in the future", state.future),
        ("alone in 30 days", state.alone),
        ("small pictures", state.previews),
        ("choices", state.choices),
    ):
        yield name, f"{count:,}" if count else None
    for name, sha256, count in state.models:
        yield "seen by", f"{name} ({sha256[:8]}…): {count:,} pictures"
    yield "file", f"{state.size_bytes / 1e6:.1f} MB"
    for post in state.posts[:5]:
        if post.local_score is not None:
            yield "did best", f"{post.local_score:.2f} times the likes of its month: {post.id}"


def _forget(options: argparse.Namespace) -> int:
    from popscore.personal.keeping import forget

    if not options.ids and options.before is None and not options.all:
        options.refuse("name the posts, or --before TIME, or --all")
    if not Path(options.bank).is_file():
        complain(f"{options.bank}: there is no such file.")
        return NOTHING_DONE
    count = forget(options.bank, ids=options.ids, before=options.before, everything=options.all)
    if options.json:
        write(json_text({"model": None, "results": [{"file": options.bank, "forgotten": count}], "errors": []}))
    else:
        write(f"{printable(options.bank)}: {count:,} posts forgotten\n")
    return ALL_WELL
