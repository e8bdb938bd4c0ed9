"""The look: one type family of the system, quiet neutrals, one accent. The rest is in the style sheets in assets."""

import gradio as gr
from gradio.themes import Base, colors, sizes


def popscore_theme() -> Base:
    """The theme. Fonts are the system's own, so the page asks no other server for anything."""
    return gr.themes.Base(
        primary_hue=colors.violet,
        secondary_hue=colors.violet,
        neutral_hue=colors.stone,
        text_size=sizes.text_md,
        spacing_size=sizes.spacing_md,
        radius_size=sizes.radius_lg,
        font=["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    ).set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#131211",
        body_text_color="#1c1917",
        body_text_color_dark="#f5f5f4",
        body_text_color_subdued="#57534e",
        body_text_color_subdued_dark="#a8a29e",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1c1a19",
        background_fill_secondary="#f5f3f0",
        background_fill_secondary_dark="#232120",
        border_color_primary="#e7e3de",
        border_color_primary_dark="#35312e",
        block_background_fill="#ffffff",
        block_background_fill_dark="#1c1a19",
        block_border_color="#e7e3de",
        block_border_color_dark="#35312e",
        block_shadow="none",
        color_accent="#6d28d9",
        link_text_color="#6d28d9",
        link_text_color_dark="#c4b5fd",
        link_text_color_hover="#5b21b6",
        link_text_color_hover_dark="#ddd6fe",
        button_primary_background_fill="#6d28d9",
        button_primary_background_fill_hover="#5b21b6",
        button_primary_background_fill_dark="#7c3aed",
        button_primary_text_color="#ffffff",
    )
