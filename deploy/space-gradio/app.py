"""The widgets alone, without Streamlit, as a Gradio Space starts them: ``python app.py``.

It is put into a Space beside the folders `core/`, `checkpoints/` and `assets/`, or run from a checkout as it lies.
"""

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE if (HERE / "core").is_dir() else HERE.parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("FOVEA_PUBLIC", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("FOVEA_HOME", str(Path(tempfile.gettempdir()) / "fovea"))
os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(os.environ["FOVEA_HOME"]) / "tried"))

from starlette.middleware import Middleware

from core.ui.guard import Guard
from core.ui.widgets.app import build_demo, mount_options

demo = build_demo()

if __name__ == "__main__":
    alone = "0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1"
    options = mount_options()
    options["app_kwargs"]["middleware"] = [Middleware(Guard)]
    demo.launch(server_name=os.environ.get("GRADIO_SERVER_NAME", alone), **options)
