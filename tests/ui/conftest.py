"""The widgets of all experiments, laid out once for all tests here."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import pytest

from core.ui.widgets.app import build_demo
from tests.number_format import one_number_format  # noqa: F401 - a fixture of every test here


@pytest.fixture(scope="session")
def demo() -> gr.Blocks:
    async def build() -> gr.Blocks:
        return build_demo()

    with ThreadPoolExecutor(1) as own:  # Gradio opens an event loop for good where there is none
        return own.submit(asyncio.run, build()).result()
