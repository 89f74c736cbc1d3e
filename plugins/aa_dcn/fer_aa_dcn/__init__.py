"""DCN and its anti-aliased variant AA-DCN (Elsheikh, Mohamed, Abou-Taleb and Ata, Scientific Reports 14, 2024)."""

from fer_aa_dcn.anti_aliased import aa_dcn
from fer_aa_dcn.dcn import DCN

__all__ = ["DCN", "aa_dcn"]
