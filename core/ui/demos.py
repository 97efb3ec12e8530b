"""The Gradio widgets: upload a picture, see what a trained network does with it. One tab per experiment."""

import os
from typing import Any, cast

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from core.experiments import catalogue
from core.ui.segmentation_demo import build_segmentation_tab

TABS = {"segmentation": build_segmentation_tab}
SYSTEM_FONTS = ("ui-sans-serif", "system-ui", "sans-serif")
STYLE = """
footer {display: none !important}
.gradio-container {max-width: 1200px !important}
.said {font-size: 1.05rem}
.caution {opacity: .75; font-size: .9rem}
"""


def build_demo() -> gr.Blocks:
    """Return the widgets of all experiments that have a predictor."""
    with gr.Blocks(title="Fovea: try it", delete_cache=(3600, 3600)) as demo:
        for experiment in catalogue().values():
            if experiment.kind in TABS:
                with gr.Tab(experiment.title, id=experiment.slug):
                    TABS[experiment.kind](demo, experiment)
    demo.queue(default_concurrency_limit=1, max_size=64)
    return cast(gr.Blocks, demo)


def mount_options() -> dict[str, Any]:
    """Return how the widgets are mounted: limits, look, and no address outside this server."""
    theme = gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", font=SYSTEM_FONTS, font_mono=("ui-monospace", "monospace")
    )
    return {"theme": theme, "css": STYLE, "max_file_size": "64mb", "allowed_paths": [], "footer_links": ["api"]}
