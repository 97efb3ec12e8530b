"""Predictions and checkpoints as files for elsewhere: CSV, images, ONNX, a folder for the Hugging Face Hub."""
