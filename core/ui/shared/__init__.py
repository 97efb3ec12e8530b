"""What pages and widgets both need: the list of models, numbers in words, who asks.

Neither streamlit nor gradio is imported here.
"""
