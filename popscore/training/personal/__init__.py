"""Makes the files of the personal room: networks that see a person's pose and outline."""
