"""The three networks with which the DCNN-BiLSTM-DAM paper compares, and the search that tunes one of them."""

from fer_bilstm_baselines.hcnn_lstm import HCNNLSTM
from fer_bilstm_baselines.icnn_bilstm import ICNNBiLSTM
from fer_bilstm_baselines.ngo import NorthernGoshawk
from fer_bilstm_baselines.ngo_bilstm import NGOBiLSTM

__all__ = ["HCNNLSTM", "ICNNBiLSTM", "NGOBiLSTM", "NorthernGoshawk"]
