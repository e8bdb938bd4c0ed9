"""What is seen of a face, in a few words that more than one door says."""

from popscore.people.find import SeenFace

# Below this probability the likeliest of seven expressions is more likely wrong than right.
_CLEAR = 0.5


def eyes_seen(face: SeenFace) -> str:
    """What the eyes do: `eyes open`, `one eye closed`, …; `turned away` where they are not looked at."""
    if face.turned.away:
        return "turned away"
    states = {eye.state for eye in face.eyes.values()}
    if states == {"not_visible"}:
        return "eyes not visible"
    if "open" in states and "closed" in states:
        return "one eye closed"
    return "eyes closed" if "closed" in states else "eyes open"


def expression_seen(face: SeenFace) -> str:
    """The expression, or that it is not clear."""
    return face.expression if face.expressions[face.expression] >= _CLEAR else "expression unclear"
