"""What a data set is like before training: its size, its distance from ImageNet, whether its test split differs."""
