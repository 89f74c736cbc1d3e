"""The resampler: by class, by subject, in pairs, of images and of their kinds."""

import numpy as np
import pytest

from fer_plugins.metrics.resampling import draw_counts, draw_images, draw_matrices, draw_sums, percentiles


def drawn(size, seed=0, **options):
    return np.concatenate(list(draw_images(size, seed, **options)), axis=1)


def test_images_are_drawn_with_replacement():
    counts = drawn(40, draws=500)
    assert counts.shape == (40, 500)
    assert (counts.sum(0) == 40).all()
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(1 - 1 / 40, abs=0.05)  # multinomial
    assert np.array_equal(counts, drawn(40, draws=500))
    assert not np.array_equal(counts, drawn(40, 1, draws=500))


def test_a_subject_is_drawn_whole():
    subject = np.array(["a", "b", "a", "c", "b", "a"])
    counts = drawn(6, clusters=subject)
    for name in "abc":
        rows = counts[subject == name]
        assert (rows == rows[0]).all()
    assert (counts[[0, 1, 3]].sum(0) == 3).all()  # as many subjects as there are
    assert len(np.unique(counts.sum(0))) > 1  # so the number of images varies


def test_a_subject_is_drawn_within_its_stratum_or_refused():
    subject, site = np.array([1, 1, 2, 3, 4, 4]), np.array([0, 0, 0, 1, 1, 1])
    counts = drawn(6, clusters=subject, strata=site, draws=50)
    assert (counts[[0, 2]].sum(0) == 2).all()
    assert (counts[[3, 4]].sum(0) == 2).all()
    with pytest.raises(ValueError, match="a cluster lies in several strata"):
        drawn(6, clusters=subject, strata=np.array([0, 1, 0, 1, 1, 1]))


def test_intervals_by_subject_are_wider_where_a_subjects_images_are_alike():
    random = np.random.default_rng(0)
    subject = np.repeat(np.arange(30), 10)
    values = (random.random(30)[subject] + 0.05 * random.random(300))[:, None]
    by_image, by_subject = (
        percentiles(draw_sums(values, draw_images(300, 0, **options)) / 300) for options in ({}, {"clusters": subject})
    )
    assert np.ptp(by_subject) / np.ptp(by_image) == pytest.approx(np.sqrt(10), rel=0.15)


def test_the_same_draws_pair_two_columns():
    values = np.random.default_rng(0).random((50, 1))
    table = np.hstack([values, values + 1])
    sums = draw_sums(table, draw_images(50, 3, strata=np.arange(50) % 3))
    assert sums[:, 1] - sums[:, 0] == pytest.approx(np.full(2000, 50))


def test_drawing_kinds_is_drawing_images():
    """The counts of the cells of a row are those that its images would give."""
    matrix = np.array([[30, 10], [0, 0]])
    kinds = draw_matrices(matrix, 0, 4000)
    assert (kinds.sum(-1) == [40, 0]).all()
    hits = drawn(40, draws=4000)[:30].sum(0)
    assert kinds[:, 0, 0].mean() == pytest.approx(hits.mean(), rel=0.01)
    assert kinds[:, 0, 0].std() == pytest.approx(hits.std(), rel=0.05)
    first, second = draw_counts([np.array([3, 4]), np.array([1, 1, 5])], 0, 7)
    assert first.shape == (7, 2)
    assert (second.sum(1) == 7).all()
