"""What asks about a person's taste, put together as the app does."""

from popscore.ui.kit.banks import Banks
from popscore.ui.kit.model_door import ModelDoor
from popscore.ui.kit.seen_pictures import SeenPictures
from popscore.ui.kit.tastes import Tastes
from popscore.ui.kit.visits import Visits


def tastes_of(door: ModelDoor, visits: Visits) -> Tastes:
    return Tastes(door, visits, Banks(door, visits), SeenPictures(door, visits))
