"""The Hugging Face Hub: the only room of popscore that uses the network on its own.

The app fetches a photo too when an API client gives its address, see `popscore.ui.kit.photo_input`.
"""
