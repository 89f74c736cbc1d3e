"""Makes batches: whole ones gathered from the resident images, or augmented image by image in workers."""

from fer_plugins.data.loaders.order import draw_order, draw_oversampled, number_of_epoch
from fer_plugins.data.loaders.resident import ResidentLoader, place_images, wrap_images
from fer_plugins.data.loaders.transforms import apply_transform, seeded, try_transform
from fer_plugins.data.loaders.workers import AugmentedBatches, PlannedBatch, check_batches, count_workers, sample_loader

__all__ = [
    "AugmentedBatches",
    "PlannedBatch",
    "ResidentLoader",
    "apply_transform",
    "check_batches",
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
