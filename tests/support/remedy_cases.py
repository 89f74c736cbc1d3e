"""Malformed copies of images, the option that their refusal names, and what is read when that is followed."""

from __future__ import annotations

from support import fake_datasets as fake

SEVEN = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SPANISH = dict(zip(("enojado", "asco", "miedo", "feliz", "neutral", "triste", "sorpresa"), SEVEN, strict=True))
RAF = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")


def tree(splits, classes, *, each=2, form="{split}/{name}/{number}.png", seed=0):
    """Images in folders of splits and classes."""
    files = {}
    for split in splits:
        for name in classes:
            for _ in range(each):
                path = form.format(split=split, name=name, number=len(files))
                files[path] = fake.picture(seed + len(files))
    return files


def renamed(files, old, new):
    return {name.replace(old, new): content for name, content in files.items()}


def boxes(code):
    return f"{code} 0.5 0.5 0.4 0.4\n".encode()


NUMBERS = [str(code) for code in range(7)]
LISTED = {f"images/{number}.png": fake.picture(number) for number in range(4)}
A_LIST = b"0.png happy\n1.png sad\n"
B_LIST = b"2.png happy\n3.png sad\n"
WORDS = {"entrenamiento": "train", "prueba": "test"}

# What it is -> dataset, files, its options, the option that the message names, what is filled in where it prints
# "...", and the number of images that are read when the remedy is followed.
REMEDIES = {
    "a split nobody knows": ("folder", tree(("train", "unseen"), SEVEN), {}, "names", {"unseen": "test"}, 28),
    "a split nobody knows, left out": ("fer2013", tree(("train", "test", "unseen"), SEVEN), {}, "ignore", None, 28),
    "splits in Spanish": ("folder", tree(WORDS, SEVEN), {}, "names", WORDS, 28),
    "splits in Spanish, rafdb": ("rafdb", tree(WORDS, SEVEN), {}, "names", WORDS, 28),
    "splits in Spanish, affectnet": ("affectnet", tree(WORDS, SEVEN), {}, "names", WORDS, 28),
    "classes in Spanish": ("folder", tree(("train", "test"), SPANISH), {}, "names", SPANISH, 28),
    "classes in Spanish, fer2013": ("fer2013", tree(("train", "test"), SPANISH), {}, "names", SPANISH, 28),
    "classes in Spanish, rafdb": ("rafdb", tree(("train", "test"), SPANISH), {}, "names", SPANISH, 28),
    "classes in Spanish, affectnet": ("affectnet", tree(("train", "val"), SPANISH), {}, "names", SPANISH, 28),
    "classes in Spanish, ckplus": (
        "ckplus",
        tree(("CK+",), SPANISH, form="{split}/{name}/S00{number}_001_00000001.png", each=1),
        {},
        "names",
        SPANISH,
        7,
    ),
    "classes from 0, rafdb": ("rafdb", tree(("train", "test"), NUMBERS), {}, "names", None, 28),
    "classes from 0 in RAF-DB's list": (
        "rafdb",
        {
            "Image/aligned/train_00001_aligned.jpg": fake.picture(1, suffix="jpg"),
            "Image/aligned/test_0001_aligned.jpg": fake.picture(2, suffix="jpg"),
            "EmoLabel/list_patition_label.txt": b"train_00001.jpg 0\ntest_0001.jpg 6\n",
        },
        {},
        "names",
        None,
        2,
    ),
    "classes from 1, affectnet": (
        "affectnet",
        tree(("train", "val"), [str(code) for code in range(1, 8)]),
        {},
        "names",
        dict(zip(map(str, range(1, 8)), SEVEN, strict=True)),
        28,
    ),
    "numbers that nobody named": ("folder", tree(("train", "test"), NUMBERS), {}, "codes", SEVEN, 28),
    "an unknown class, dropped": ("folder", tree(("train",), (*SEVEN, "bored")), {}, "on_unknown_label", "drop", 14),
    "an unknown class, kept": ("folder", tree(("train",), (*SEVEN, "bored")), {}, "on_unknown_label", "keep", 16),
    "an unknown class, fer2013": ("fer2013", tree(("train", "test"), (*SEVEN, "bored")), {}, "ignore", None, 28),
    "an unknown class, rafdb": ("rafdb", tree(("train", "test"), (*SEVEN, "bored")), {}, "ignore", None, 28),
    "an unknown class, ckplus": (
        "ckplus",
        renamed(fake.ckplus_folders(2), "/contempt/", "/bored/"),
        {},
        "ignore",
        None,
        36,
    ),
    "an unknown class, ferg": ("ferg", renamed(fake.ferg(), "jules_joy/", "jules_bored/"), {}, "ignore", None, 40),
    "FER2013 with contempt": ("fer2013", tree(("train", "test"), (*SEVEN, "contempt")), {}, "ignore", None, 28),
    "two datasets, one given": (
        "folder",
        {**tree(("a/train", "a/test"), SEVEN), **tree(("b/train", "b/test"), SEVEN, each=1, seed=99)},
        {},
        "root",
        None,
        28,
    ),
    "two datasets, one left out": (
        "rafdb",
        {**tree(("a/train", "a/test"), SEVEN), **tree(("b/train", "b/test"), SEVEN, each=1, seed=99)},
        {},
        "ignore",
        None,
        28,
    ),
    "another dataset beside RAF-DB": (
        "rafdb",
        {**fake.rafdb_folders(1), **tree(("CK+48",), SEVEN)},
        {},
        "ignore",
        None,
        14,
    ),
    "two trees of fer2013": (
        "fer2013",
        {**tree(("a/train", "a/test"), SEVEN), **tree(("b/train", "b/test"), SEVEN, each=1, seed=99)},
        {},
        "root",
        None,
        28,
    ),
    "two annotated trees": (
        "affectnet",
        {**fake.affectnet_npy(1), **{f"b/{name}": b"x" for name in fake.affectnet_npy(1)}},
        {},
        "ignore",
        None,
        16,
    ),
    "two lists of RAF-DB": (
        "rafdb",
        {**fake.rafdb_official(1), "old/EmoLabel/list_patition_label.txt": b"train_00001.jpg 2\n"},
        {},
        "ignore",
        None,
        14,
    ),
    "an image beside class folders": ("folder", {**fake.class_folders(), "x.png": b"x"}, {}, "ignore", None, 12),
    "an image beside classes, split": (
        "fer2013",
        {**tree(("train", "test"), SEVEN), "train/x.png": b"x"},
        {},
        "ignore",
        None,
        28,
    ),
    "unlabelled images of a split": (
        "folder",
        {**tree(("train",), SEVEN), "test/1.png": b"x", "test/2.png": b"x"},
        {},
        "ignore",
        None,
        14,
    ),
    "images beside classes of a split": (
        "rafdb",
        {**tree(("train", "test"), SEVEN), "train/x.png": b"x", "train/y.png": b"x"},
        {},
        "ignore",
        None,
        28,
    ),
    "images beside classes at the top": (
        "folder",
        {**fake.class_folders(), "x.png": b"x", "y.png": b"x"},
        {},
        "ignore",
        None,
        12,
    ),
    "classes at two depths": (
        "folder",
        {**fake.class_folders(), **fake.class_folders(split=True)},
        {},
        "ignore",
        None,
        36,
    ),
    "two expressions above an image": (
        "folder",
        {**tree(("train",), SEVEN), "train/happy/sad/1.png": fake.picture(99)},
        {},
        "ignore",
        None,
        14,
    ),
    "two splits above an image": (
        "folder",
        {**tree(("train", "test"), SEVEN), "train/test/sad/1.png": fake.picture(99)},
        {},
        "ignore",
        None,
        28,
    ),
    "JAFFE in two formats": ("jaffe", {**fake.jaffe(), **fake.jaffe("png")}, {}, "ignore", None, 21),
    "CK+ in two trees": (
        "ckplus",
        {**fake.ckplus_tree(1), **renamed(fake.ckplus_tree(1), "cohn-kanade-images", "cropped")},
        {},
        "ignore",
        None,
        7,
    ),
    "CK+ with two labels of a sequence": (
        "ckplus",
        {**fake.ckplus_tree(1), "Emotion/S001/001/S001_001_00000004_emotion.txt": b"  1.0e+00\n"},
        {},
        "ignore",
        None,
        7,
    ),
    "CK+ with a csv": ("ckplus", {**fake.ckplus_csv(1), **fake.ckplus_folders(1)}, {}, "ignore", None, 21),
    "CK+ with two csv": (
        "ckplus",
        {**fake.ckplus_csv(1), "old/ck+.csv": fake.ckplus_csv(1)["ckextended.csv"]},
        {},
        "ignore",
        None,
        24,
    ),
    "CK+ with a stranger": (
        "ckplus",
        {**fake.ckplus_folders(1), "CK+48/anger/me.png": fake.picture(1)},
        {},
        "ignore",
        None,
        21,
    ),
    "AffectNet's two trees": (
        "affectnet",
        {
            **fake.affectnet_csv(1),
            **{
                name.replace("Manually_A", "Aligned_a"): content
                for name, content in fake.affectnet_csv(1).items()
                if name.endswith("jpg")
            },
        },
        {},
        "ignore",
        None,
        16,
    ),
    "AffectNet in two layouts": (
        "affectnet",
        {**fake.affectnet_csv(1), **fake.affectnet_npy(1)},
        {},
        "ignore",
        None,
        16,
    ),
    "AffectNet's annotations in an unknown split": (
        "affectnet",
        renamed(fake.affectnet_npy(1), "val_set", "held"),
        {},
        "names",
        {"held": "val"},
        16,
    ),
    "AffectNet without some images": (
        "affectnet",
        {name: content for name, content in fake.affectnet_csv(2).items() if "/0/" not in name},
        {},
        "on_bad_image",
        "skip",
        None,
    ),
    "two lists": ("folder", {**LISTED, "a.txt": A_LIST, "b.txt": B_LIST}, {}, "csv", None, 2),
    "a list with an unknown split": (
        "folder",
        {**LISTED, "l.csv": b"image,label,split\n0.png,sad,mine\n1.png,sad,mine\n"},
        {"split_column": "split"},
        "names",
        None,
        2,
    ),
    "a list with other columns": (
        "folder",
        {**LISTED, "l.csv": b"image,feeling\n0.png,sad\n1.png,happy\n"},
        {"csv": "l.csv"},
        "label_column",
        "feeling",
        2,
    ),
    "a list without labels": (
        "folder",
        {**LISTED, "l.csv": b"image,label\n0.png,\n1.png,happy\n"},
        {"on_unknown_label": "keep"},
        "on_unknown_label",
        "drop",
        1,
    ),
    "boxes without names": (
        "folder",
        {f"images/train/{n}.png": fake.picture(n) for n in range(2)}
        | {f"labels/train/{n}.txt": boxes(n) for n in range(2)},
        {},
        "codes",
        ("happy", "sad"),
        2,
    ),
    "boxes in an unknown split": (
        "folder",
        {f"images/{s}/{n}.png": fake.picture(n) for n in range(2) for s in ("train", "held")}
        | {f"labels/{s}/{n}.txt": boxes(n) for n in range(2) for s in ("train", "held")}
        | {"data.yaml": b"names: [happy, sad]"},
        {},
        "names",
        None,
        4,
    ),
    "a bad image": ("jaffe", {**fake.jaffe(), "KA.AN1.1.tiff": b"x"}, {}, "on_bad_image", "skip", 20),
    "half a release": ("jaffe", fake.jaffe(), {"check": "error"}, "check", "warn", 21),
    "half a release, rafdb": ("rafdb", fake.rafdb_folders(1), {"check": "error"}, "check", "off", 14),
}
