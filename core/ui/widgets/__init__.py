"""The Gradio widgets: upload an image, see what a trained model does with it. Streamlit is never imported here.

Begin with `app.py`, then `frame.py`: what every tab has. What one kind of model shows is in `tabs/`.
"""
