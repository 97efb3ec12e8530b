"""What users see: the server, the pages' views, the widgets, and what they share.

The only layer that imports streamlit or gradio. Begin with `server.py`; then `views/` for the pages and `widgets/`
for upload and predict.
"""
