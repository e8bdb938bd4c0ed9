"""The entry of the Hugging Face Space: build the demo, launch it."""

from popscore.ui import build_demo, launch

demo = build_demo()

if __name__ == "__main__":
    launch(demo)
