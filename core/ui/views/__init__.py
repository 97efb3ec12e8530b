"""The Streamlit pages, a package for each page of `pages/`. Gradio is never imported here."""
