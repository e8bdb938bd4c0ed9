"""The app. The only room that imports gradio."""

from popscore.ui.build import build_demo, launch, launch_options

__all__ = ["build_demo", "launch", "launch_options"]
