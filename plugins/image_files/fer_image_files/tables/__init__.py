"""Tables and arrays of faces: csv files of pixels, Parquet, Arrow, npy, npz and HDF5."""
