"""The contradictions in the printed numbers of the papers, each by its name, and what only looks like one."""

from functools import cache

import pytest
from fer_claims_audit.check import check_claims
from support import ROOT

from fer_plugins.analysis.claims import read_claims

PLUGINS = ROOT / "plugins"
SETS = ("FER2013", "CK+", "RAF-DB", "JAFFE")
BASELINES = ("NGO-BiLSTM", "ICNN-BiLSTM", "HCNN-LSTM")
MODELS = ("DCNN-BiLSTM-DAM", *BASELINES)


@cache
def checked(plugin):
    return check_claims(read_claims(PLUGINS / plugin / f"fer_{plugin}" / "claims.yaml"))


def matching(plugin, kind, *fragments):
    """Return the findings of a kind in which every one of the words stands."""
    return [
        finding
        for finding in checked(plugin)[0]
        if finding.kind == kind
        and all(
            word in " | ".join((finding.about, *finding.printed, finding.bound, *finding.certificate))
            for word in fragments
        )
    ]


def places(plugin, kind):
    return sorted(
        finding.about.removesuffix(", split not stated") for finding in checked(plugin)[0] if finding.kind == kind
    )


def everywhere(*pairs):
    return sorted(f"{model} on {dataset}" for model, dataset in pairs)


@pytest.mark.parametrize(
    ("plugin", "count"),
    [
        ("dcnn_bilstm_dam", 72), ("aa_dcn", 31), ("sdl_stn", 12), ("conv_relu_ann", 9), ("vgg_1x1_cnn", 5),
        ("classical_cnns", 1), ("bilstm_baselines", 45),
    ],
)  # fmt: skip
def test_how_many(plugin, count):
    assert len(checked(plugin)[0]) == count


@pytest.mark.parametrize(
    ("plugin", "fragments"),
    [
        ("dcnn_bilstm_dam", ("DCNN-BiLSTM-DAM on RAF-DB", "both are TP/(TP + FN)")),
        ("aa_dcn", ("DCN on RAF-DB", "train time in s 600 (Table 16)", "training time is 525 to 555 s")),
        ("sdl_stn", ("CK+", "0.985 (Table 5", "every run lies in 0.98554")),
        ("vgg_1x1_cnn", ("0.6455", "k/3,589")),
    ],
)
def test_what_only_rounding_excludes_is_a_remark(plugin, fragments):
    assert remarks(plugin, "possible only if last digits were cut off", *fragments)


# dcnn_bilstm_dam


def remarks(plugin, *fragments):
    """Return the remarks in which every one of the words stands."""
    return [
        remark for remark in checked(plugin)[1] if all(word in f"{remark.about} | {remark.text}" for word in fragments)
    ]


def test_dcnn_accuracy_is_too_small_for_the_recall_on_fer2013():
    expected = everywhere(*((model, "FER2013") for model in MODELS))
    assert places("dcnn_bilstm_dam", "accuracy and recall") == expected
    (finding,) = matching("dcnn_bilstm_dam", "accuracy and recall", "DCNN-BiLSTM-DAM on FER2013")
    assert finding.bound == "accuracy >= 0.89753"  # 1 - 0.40775 x 7215/28709; with the shares of the test split 0.90014


def test_dcnn_accuracy_and_recall_on_jaffe_agree_only_where_the_class_shares_are_not_those_of_the_release():
    for model, bound in zip(MODELS, ("<= 0.95449", ">= 0.93548", ">= 0.92192", ">= 0.90698"), strict=True):
        assert remarks("dcnn_bilstm_dam", f"{model} on JAFFE", f"(accuracy {bound})", "a random tenth"), model


def test_dcnn_all_sixteen_specificities_are_too_low():
    expected = everywhere(*((model, dataset) for model in MODELS for dataset in SETS))
    assert places("dcnn_bilstm_dam", "accuracy and specificity") == expected
    assert matching("dcnn_bilstm_dam", "accuracy and specificity", "DCNN-BiLSTM-DAM on CK+", ">= 0.98655")
    assert len(matching("dcnn_bilstm_dam", "accuracy and specificity", "only a mean weighted by class shares")) == 4


def test_dcnn_one_class_against_the_rest_is_no_way_out():
    for dataset in ("FER2013", "CK+", "JAFFE"):
        assert matching(
            "dcnn_bilstm_dam", "accuracy and specificity", f"{MODELS[0]} on {dataset}", "nor one class against"
        )
    assert matching("dcnn_bilstm_dam", "accuracy and specificity", f"{MODELS[0]} on RAF-DB", "99.6 % positives")


def test_dcnn_seven_mean_f1_are_above_their_ceiling():
    assert places("dcnn_bilstm_dam", "mean F1") == everywhere(
        (MODELS[0], "FER2013"), ("NGO-BiLSTM", "FER2013"), ("NGO-BiLSTM", "RAF-DB"), ("NGO-BiLSTM", "JAFFE"),
        ("HCNN-LSTM", "FER2013"), ("HCNN-LSTM", "CK+"), ("HCNN-LSTM", "RAF-DB"),
    )  # fmt: skip
    assert len(matching("dcnn_bilstm_dam", "mean F1", "exceeds both")) == 3


def test_dcnn_gar_is_recall_and_never_equals_it():
    expected = everywhere(*((model, dataset) for model in MODELS for dataset in SETS))
    expected.remove("DCNN-BiLSTM-DAM on RAF-DB")  # equal where digits were cut off
    assert places("dcnn_bilstm_dam", "one formula, two values") == expected


def test_dcnn_far_is_nothing():
    expected = everywhere(*((model, dataset) for model in MODELS for dataset in SETS))
    assert places("dcnn_bilstm_dam", "false acceptance") == expected
    (finding,) = matching("dcnn_bilstm_dam", "false acceptance", f"{MODELS[0]} on FER2013")
    assert "FAR 0.0723 (Table 10)" in finding.printed


def test_dcnn_no_one_test_set_gives_the_columns_of_jaffe_and_ck():
    (jaffe,) = matching("dcnn_bilstm_dam", "granularity", "JAFFE, Table 4", "up to 213 images")
    assert "DCNN-BiLSTM-DAM 0.9587: n = 121" in jaffe.certificate[0]
    assert matching("dcnn_bilstm_dam", "granularity", "CK+, Table 4")
    remarks = " ".join(remark.text for remark in checked("dcnn_bilstm_dam")[1])
    assert "not k/3,589 (FER2013 release, test): NGO-BiLSTM 0.8123, ICNN-BiLSTM 0.8014" in remarks
    assert "not k/3,068 (RAF-DB basic release, test): DCNN-BiLSTM-DAM 0.9578" in remarks


def test_dcnn_sums_and_sizes_of_the_data_sets():
    assert matching("dcnn_bilstm_dam", "sums", "RAF-DB", "15,270", "sum to 15,300")
    (finding,) = matching("dcnn_bilstm_dam", "release", "FER2013")
    for name, largest in (("fear", "5,121"), ("surprise", "4,002"), ("anger", "4,953"), ("neutral", "6,198")):
        assert any(line.startswith(name) and f"more than the {largest}" in line for line in finding.certificate)
    assert matching("dcnn_bilstm_dam", "release", "RAF-DB", "surprise: 2,020 printed, more than the 1,619")
    assert matching("dcnn_bilstm_dam", "release", "RAF-DB", "neutral: 15,500 printed, more than the 3,204")
    assert matching("dcnn_bilstm_dam", "release", "JAFFE", "happy: 213 printed, more than the 31")
    assert matching("dcnn_bilstm_dam", "printed twice", "29,672", "29,673")
    assert matching("dcnn_bilstm_dam", "printed twice", "28,709", "35,887")
    assert matching("dcnn_bilstm_dam", "sums", "CK+", "902", "327")
    assert matching("dcnn_bilstm_dam", "printed twice", "input height 28", "input height 64")


def test_dcnn_a_gain_of_3_23_that_is_3_27_but_1_11_for_1_10_may_be_rounding():
    (finding,) = matching("dcnn_bilstm_dam", "products and gains")
    assert "specificity gain 0.0323" in finding.printed[0]
    assert finding.bound == "the gain is 0.0326 to 0.0328"


def test_the_baselines_of_dcnn_carry_their_share():
    for kind, datasets in (("accuracy and recall", ("FER2013",)), ("false acceptance", SETS)):
        assert places("bilstm_baselines", kind) == everywhere(
            *((model, dataset) for model in BASELINES for dataset in datasets)
        )


# aa_dcn


def test_aa_dcn_three_of_91_rows_have_an_impossible_f1():
    rows = matching("aa_dcn", "F1 of a class")
    assert [finding.about.partition("Table ")[2] for finding in rows] == [
        "8, class fear",
        "9, class happy",
        "10, class disgust",
    ]
    assert [finding.bound for finding in rows] == ["F1 <= 0.945", "F1 >= 0.995", "F1 <= 0.73429"]


def test_aa_dcn_tables_10_and_15_are_not_of_the_official_raf_db():
    (ten,) = matching("aa_dcn", "rows", "Table 10")
    assert ten.bound == "at least 3078.58 predictions for 3,068 images"  # 1.0034 N
    assert "balanced images (Table 3): accuracy is 0.73214 to 0.74214" in ten.certificate[-1]  # 0.76 is printed
    assert not matching("aa_dcn", "rows", "Table 15")  # balanced, 0.8119 to 0.8219
    (fifteen,) = remarks("aa_dcn", "Table 15")
    assert "RAF-DB basic release, test: accuracy is 0.82637 to 0.83637; possible with 25 % of" in fifteen.text
    assert remarks("aa_dcn", "Table 10, class fear", "RAF-DB basic release, test: recall = k/74")


def test_aa_dcn_accuracies_that_no_stated_size_gives():
    (finding,) = matching("aa_dcn", "granularity", "DCN on CK+", "0.9832")
    assert finding.bound == "accuracy = k/402 or k/403 or k/407"
    assert matching("aa_dcn", "granularity", "AA-DCN-avgpool on JAFFE", "0.9113", "k/930")
    assert not matching("aa_dcn", "granularity", "0.9926")  # 404/407
    assert not matching("aa_dcn", "granularity", "0.9803")  # 399/407


def test_aa_dcn_one_model_two_accuracies():
    assert matching("aa_dcn", "printed twice", "VGG19", "0.86 (Table 5)", "0.88 (Table 6, Table 11)")
    assert matching("classical_cnns", "printed twice", "VGG19", "0.86 (Table 5)", "0.88 (Table 6, Table 11)")


def test_aa_dcn_times():
    assert not matching("aa_dcn", "products and gains")
    for dataset in ("CK+", "JAFFE", "RAF-DB"):
        assert matching("aa_dcn", "printed twice", f"AA-DCN on {dataset}", "train time")
    assert matching("aa_dcn", "printed twice", "learning rate 0.006", "0.0006")


def test_aa_dcn_the_augmented_raf_db_is_smaller_than_the_original():
    assert matching("aa_dcn", "sums", "12,845", "15,339", "augmentation does not take images away")


def test_aa_dcn_anova_f_is_not_the_ratio_of_its_mean_squares():
    for dataset, as_labelled in (("CK+", "7.143"), ("JAFFE", "3841"), ("RAF-DB", "2710")):
        assert matching("aa_dcn", "ANOVA", dataset, "F = MS between / MS within", f"= {as_labelled}"), dataset
        assert matching("aa_dcn", "ANOVA", dataset, "total = between + within"), dataset
    assert matching("aa_dcn", "ANOVA", "CK+", "no exchange of the labels")
    assert matching("aa_dcn", "ANOVA", "JAFFE", "MS = SS / df")
    assert matching("aa_dcn", "ANOVA", "RAF-DB", "MS = SS / df")
    assert not matching("aa_dcn", "ANOVA", "CK+", "MS = SS / df")  # 0.0028/400 rounds to it
    assert matching("aa_dcn", "ANOVA", "JAFFE", "930 observations")
    assert matching("aa_dcn", "ANOVA", "RAF-DB", "2,361 observations")


def test_aa_dcn_p_values_fit_f_but_not_what_is_said_of_them():
    assert not matching("aa_dcn", "p value", "degrees of freedom p is")
    assert matching("aa_dcn", "p value", "CK+", "p < 0.05")
    assert matching("aa_dcn", "p value", "JAFFE", "p < 1e-08")
    assert not matching("aa_dcn", "p value", "RAF-DB")


def test_aa_dcn_wilcoxon():
    for dataset, total in (("CK+", "15"), ("JAFFE", "171"), ("RAF-DB", "122,760")):
        assert matching("aa_dcn", "rank sums", dataset, f"rank sums total {total}"), dataset
        assert matching("aa_dcn", "rank sums", dataset, "the sum of signed ranks is"), dataset
    assert matching("aa_dcn", "rank sums", "JAFFE", "n = 11", "0.03223")
    assert matching("aa_dcn", "p value", "CK+", "two-sided exact p >= 0.0625")


# conv_relu_ann


def test_conv_relu_ann_both_reports_are_labels_paired_with_foreign_predictions():
    (train,) = matching("conv_relu_ann", "chance", "split train, Table 4", "0.7683")
    assert "= 0.1759" in train.certificate[1]
    (validation,) = matching("conv_relu_ann", "chance", "split validation, Table 5", "0.6538")
    assert "= 0.1738" in validation.certificate[1]
    assert "kappa 0.008" in validation.certificate[1]


def test_conv_relu_ann_the_training_log_is_of_28677_and_7168_images():
    assert matching("conv_relu_ann", "granularity", "split train", "10 of 10 are k/28,677")
    assert matching("conv_relu_ann", "granularity", "split validation", "9 of 10 are k/7,168")


def test_conv_relu_ann_two_digits_of_angry_are_exchanged():
    assert matching("conv_relu_ann", "sums", "35,887", "sum to 35,527", "-360")
    assert matching("conv_relu_ann", "sums", "class anger", "3,995 + 958 = 4,953")
    assert matching("conv_relu_ann", "release", "4,593 printed, 4,953 in the release")


def test_conv_relu_ann_accuracy_of_text_and_reports():
    for split in ("train", "validation"):
        assert matching("conv_relu_ann", "printed twice", f"split {split}", "0.18")
    assert not matching("conv_relu_ann", "sums", "params")  # the layers do sum to 2,489,095


# sdl_stn


def test_sdl_stn_loss_is_below_what_the_errors_cost():
    assert matching("sdl_stn", "loss", "split train", ">= 0.1738")
    assert matching("sdl_stn", "loss", "split validation")


def test_sdl_stn_exchanges_ck_and_ferg():
    assert matching("sdl_stn", "printed twice", "CK+", "0.985", "0.9947")
    assert matching("sdl_stn", "printed twice", "FERG", "0.985", "0.9947", "0.993")


def test_sdl_stn_the_spread_is_impossible_on_so_few_images():
    (finding,) = matching("sdl_stn", "spread over runs", "CK+", "sd >=")
    assert finding.bound == "sd >= 0.0115 on 33 images or 0.0073 on 66 images"


def test_sdl_stn_counts_are_off_by_three():
    assert matching("sdl_stn", "sums", "28,707 + 3,588 + 3,589 = 35,884")
    for name, true in (("fear", "4,097"), ("happy", "7,215"), ("neutral", "1,233")):
        assert matching("sdl_stn", "release", "Table 2", f"{name}: ", f"{true} in the release"), name


def test_sdl_stn_rows_and_matrix_agree_and_rounding_explains_the_interval():
    assert not matching("sdl_stn", "rows")
    assert not matching("sdl_stn", "F1 of a class")
    assert not matching("sdl_stn", "spread over runs", "half-width")  # 0.0863 is possible with a sd that rounds to 0.17
    assert any("t = 2.145" in remark.text for remark in checked("sdl_stn")[1])
    assert not matching("sdl_stn", "sums", "55,000")  # printed as about


# vgg_1x1_cnn


def test_vgg_1x1_cnn_three_of_seven_numbers_are_no_share_of_3589():
    numbers = [finding.printed[0].split()[1] for finding in matching("vgg_1x1_cnn", "granularity")]
    assert numbers == ["0.5811", "0.5646", "0.7142"]  # the fourth, 0.6455, may be one whose digits were cut off


def test_vgg_1x1_cnn_no_row_of_the_matrix_is_misprinted():
    assert not matching("vgg_1x1_cnn", "confusion matrix")
    assert any("0.6666" in remark.text and "cut off" in remark.text for remark in checked("vgg_1x1_cnn")[1])


def test_vgg_1x1_cnn_one_image_is_missing():
    assert matching("vgg_1x1_cnn", "release", "28,708", "28,709 in the release")
