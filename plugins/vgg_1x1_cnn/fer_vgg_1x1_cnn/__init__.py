"""The 1x1-CNN of Majeed, Naeem and Saeed (Journal of Robotics and Control 6(3), 2025) and two small baselines."""

from fer_vgg_1x1_cnn.cnn_5x5_4x4_5x5 import CNN_5x5_4x4_5x5
from fer_vgg_1x1_cnn.lenet5 import LeNet5
from fer_vgg_1x1_cnn.vgg_1x1_cnn import VGG1x1CNN

__all__ = ["CNN_5x5_4x4_5x5", "LeNet5", "VGG1x1CNN"]
