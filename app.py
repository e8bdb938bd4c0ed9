"""The entry of the Hugging Face Space: build the demo, launch it."""

from popscore.ui import build_demo, launch_options

demo = build_demo()

if __name__ == "__main__":
    demo.launch(**launch_options())
