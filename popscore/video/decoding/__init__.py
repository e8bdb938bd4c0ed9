"""From a video file to frames. The only room that imports av."""
