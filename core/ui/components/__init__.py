"""Parts that several pages use: charts, swipe, error overlay and feature map with their scripts, refresh, style."""
