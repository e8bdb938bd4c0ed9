"""Many photos: their order, and the files that hold it."""
