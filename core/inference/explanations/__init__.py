"""Why a model answers as it does: Grad-CAM for a class or a region, similar training images, the map of features."""
