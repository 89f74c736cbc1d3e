"""The dataset of synthetic faces and their drawing."""
