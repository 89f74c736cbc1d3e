"""Data loaders: batches gathered from images in memory, or augmented image by image in workers."""

from fer_plugins.data.loaders.order import check_batch_size, draw_order, draw_oversampled, number_of_epoch
from fer_plugins.data.loaders.resident import ResidentLoader, check_device, place_images, wrap_images
from fer_plugins.data.loaders.transforms import apply_transform, augment_batch, seeded, try_transform
from fer_plugins.data.loaders.workers import AugmentedBatches, PlannedBatch, count_workers, sample_loader

__all__ = [
    "AugmentedBatches",
    "PlannedBatch",
    "ResidentLoader",
    "apply_transform",
    "augment_batch",
    "check_batch_size",
    "check_device",
    "count_workers",
    "draw_order",
    "draw_oversampled",
    "number_of_epoch",
    "place_images",
    "sample_loader",
    "seeded",
    "try_transform",
    "wrap_images",
]
