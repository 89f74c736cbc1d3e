"""SDL-STN of Khan, Singh and Agrawal (AETiC 7(2), 2023), and Deep-Emotion, the network that it extends."""

from fer_sdl_stn.deep_emotion import DeepEmotion
from fer_sdl_stn.sdl_stn import SDLSTN

__all__ = ["SDLSTN", "DeepEmotion"]
