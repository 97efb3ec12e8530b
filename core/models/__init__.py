"""Networks: tensors in, tensors out. No loss, no file, no device."""
