"""The best frames of a video: decoding, scoring, choosing moments, writing them. The only room that imports av."""

from popscore.video.best_frames import frame_images, rank_video
from popscore.video.decoding.video import VideoLimits
from popscore.video.results import FramePoint, RankedFrame, VideoRanking

__all__ = ["FramePoint", "RankedFrame", "VideoLimits", "VideoRanking", "frame_images", "rank_video"]
