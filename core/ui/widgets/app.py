"""The Gradio widgets: upload a picture, see what a trained network does with it. One tab per experiment."""

import importlib.util
import os
import sys
from typing import Any, cast

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from core.experiments import catalogue
from core.public import MIB, OFF, public_limits
from core.ui.widgets.embedding import FIT
from core.ui.widgets.input_checks import CheckedBlocks
from core.ui.widgets.refusals import handlers
from core.ui.widgets.tabs.batch import MANY, build_batch_tab
from core.ui.widgets.tabs.classification import build_classification_tab
from core.ui.widgets.tabs.neighbours import build_neighbours_tab
from core.ui.widgets.tabs.reconstruction import build_reconstruction_tab
from core.ui.widgets.tabs.segmentation import build_segmentation_tab
from core.ui.widgets.tabs.semantic import build_semantic_tab
from core.ui.widgets.tabs.translation import build_translation_tab

TABS = {
    "classification": build_classification_tab,
    "neighbours": build_neighbours_tab,
    "reconstruction": build_reconstruction_tab,
    "segmentation": build_segmentation_tab,
    "semantic": build_semantic_tab,
    "translation": build_translation_tab,
}
SESSIONS = 50
"""So many visitors' states are kept; of more, the oldest are forgotten."""
SYSTEM_FONTS = ("ui-sans-serif", "system-ui", "sans-serif")
TEAL = gr.themes.Color(
    "#e3fafc", "#c5f6fa", "#99e9f2", "#66d9e8", "#22a4b8", "#0b7285", "#0b7285", "#095c6b", "#084c59", "#073d47",
    "#052b32", name="teal",
)  # fmt: skip
STYLE = """
.gradio-container {max-width: none !important; padding: 0 2px !important}
.share input, .share textarea {font-size: 1.9rem !important; line-height: 1.2 !important; font-weight: 600}
.share.long input, .share.long textarea {font-size: clamp(1.15rem, 2.4vw, 1.9rem) !important}
.caution, .notes {opacity: .8; font-size: .95rem}
.doubt {border-left: 4px solid #e8a33d; background: #e8a33d22; padding: .5rem .8rem !important; border-radius: 6px}
.doubt .doubt {border: 0; background: none; padding: 0 !important}
input[role=combobox] {text-overflow: ellipsis; padding-right: 2rem !important}
.answer {scroll-margin-top: 4rem}
.tab-wrapper .tab-container button {padding: 0 9px}
footer .divider {display: none}
.legend {padding-bottom: 4px}
.legend table, .legend td {border-color: #94a3b855 !important}
@media (max-width: 640px) {
  .shown {height: auto !important; max-height: 620px}
  .tab-wrapper {height: auto !important}
  .tab-container[role=tablist] {height: auto !important; flex-wrap: wrap}
}
.filled:has(.empty) {display: none}
.block:has(> .image-container) {padding-top: 2.1rem !important}
.block > .image-container {position: relative}
.image-container > .top-panel {top: -2.1rem}
.image-frame img {object-fit: contain !important}
.grid-wrap {padding-top: 2.4rem !important}
.captioned, .captioned .grid-wrap {height: auto !important; min-height: 0 !important; max-height: none !important}
.captioned .gallery-container:has(.preview) {min-height: 420px}
.captioned .grid-container {grid-auto-rows: auto; grid-template-rows: none; align-items: start}
.samples .grid-container {grid-template-columns: repeat(auto-fill, minmax(105px, 1fr)) !important}
.beside .grid-container {grid-template-columns: repeat(auto-fit, minmax(270px, 1fr)) !important}
.captioned .thumbnail-lg {aspect-ratio: auto; height: auto}
.captioned .thumbnail-lg > img {height: auto}
.samples .thumbnail-lg > img {aspect-ratio: 1}
.captioned .caption-label {
  position: static; max-width: none; border: 0; padding: 2px 4px; font-size: .72rem; text-align: center;
  white-space: normal; overflow-wrap: anywhere
}
"""

NARROW = "<style>@media (max-width: 640px) {gradio-app .gradio-container > .main {padding: 8px !important}}</style>"
"""Gradio puts what holds a style of its own before the rules above, so that they cannot reach what is around it."""


def build_demo() -> gr.Blocks:
    """Return the widgets of all experiments that have a predictor."""
    with CheckedBlocks(title="Fovea: try it", fill_width=True, delete_cache=(3600, 3600)) as demo:
        if limits := public_limits():
            gr.Markdown(limits.say(), elem_classes="notes")
        with gr.Tabs() as tabs:
            for experiment in catalogue().values():
                with gr.Tab(experiment.title, id=experiment.slug):
                    TABS[experiment.kind](demo, experiment)
            with gr.Tab("Many pictures", id=MANY):
                build_batch_tab(demo)
        demo.load(_select, outputs=tabs, api_visibility="private")
    demo.queue(default_concurrency_limit=1, max_size=64)
    demo.state_session_capacity = SESSIONS
    # Gradio holds what a request names against its folder of uploads only where this says so, which `launch` does and
    # mounting does not: without it anybody may name any file of this machine.
    demo.has_launched = True
    return cast(gr.Blocks, demo)


def _select(request: gr.Request) -> Any:
    """Open the tab of the experiment that the page's address names."""
    wanted = str(request.query_params.get("experiment", ""))
    return gr.Tabs(selected=wanted) if wanted in {*catalogue(), MANY} else gr.skip()


def serves_mcp() -> bool:
    """Say whether the API is offered to language models too (MCP): where ``FOVEA_MCP`` asks for it and it can be."""
    if os.environ.get("FOVEA_MCP", "").strip().lower() in OFF:
        return False
    if importlib.util.find_spec("mcp") is None:
        sys.stderr.write('FOVEA_MCP is set, but the package mcp is not installed; run pip install "gradio[mcp]".\n')
        return False
    return True


def mount_options() -> dict[str, Any]:
    """Return how the widgets are mounted: limits, look, and no address outside this server."""
    theme = gr.themes.Default(
        primary_hue=TEAL, neutral_hue="slate", font=SYSTEM_FONTS, font_mono=("ui-monospace", "monospace")
    )
    limits = public_limits()
    most = 64 * MIB if limits is None else limits.upload_bytes
    return {
        "theme": theme,
        "css": STYLE,
        "head": FIT + NARROW,
        "max_file_size": most,
        "mcp_server": serves_mcp(),
        "allowed_paths": [],
        "footer_links": ["api"],
        "app_kwargs": {"exception_handlers": handlers()},
    }
