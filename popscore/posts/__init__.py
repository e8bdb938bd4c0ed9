"""From a table of posts to pairs of photos of which one was liked more, and how well a model tells them apart."""

from popscore.posts.constraints import Constraints, Step
from popscore.posts.pair_file import PairTable, read_pairs, write_pairs
from popscore.posts.pairs import Pair, PairSet, Statistics, costs, make_pairs
from popscore.posts.posts import Posts, RowError, read_posts
from popscore.posts.shortcodes import read_shortcode_pairs, shortcode_ms
from popscore.posts.table import ParquetMissing, UnreadableTable

__all__ = [
    "Constraints",
    "Pair",
    "PairSet",
    "PairTable",
    "ParquetMissing",
    "Posts",
    "RowError",
    "Statistics",
    "Step",
    "UnreadableTable",
    "costs",
    "make_pairs",
    "read_pairs",
    "read_posts",
    "read_shortcode_pairs",
    "shortcode_ms",
    "write_pairs",
]
