"""Lists of images and labels, and YOLO's boxes."""
