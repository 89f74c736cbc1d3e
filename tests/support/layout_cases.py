"""Layouts in which people keep images, and what each is read as."""

from __future__ import annotations

from support import remedy_cases as cases

fake, tree, renamed, boxes, SEVEN, SPANISH = (
    *(cases.fake, cases.tree, cases.renamed, cases.boxes),
    *(cases.SEVEN, cases.SPANISH),
)

CODES = [str(code) for code in range(7)]
RAF_CODES = [str(code) for code in range(1, 8)]
ADJECTIVES = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
NOUNS = ("anger", "disgust", "fear", "happiness", "neutrality", "sadness", "surprise")
NUMBERED = [f"{code} {name}" for code, name in enumerate(SEVEN)]
UNDERSCORED = [f"{code:02}_{name}" for code, name in enumerate(NOUNS, start=1)]
CHINESE = dict(zip(("生气", "厌恶", "害怕", "高兴", "中性", "悲伤", "惊讶"), SEVEN, strict=True))
KAGGLE = tree(("images/train", "images/validation"), SEVEN)
DOUBLED = {**KAGGLE, **{f"images/{name}": content for name, content in KAGGLE.items()}}
BOTH, CLASSES = ("fer2013", "folder"), ("fer2013", "folder", "rafdb", "affectnet")
HF = b'{"file_name": "0.png", "label": "happy"}\n{"file_name": "1.png", "label": "sad"}\n'
IMAGES = {f"{split}/{number}.png": fake.picture(number) for split in ("train", "test") for number in range(2)}


def yolo(images="images/{}", labels="labels/{}", splits=("train", "val", "test")):
    files = {"data.yaml": b"train: images/train\nnc: 2\nnames: [happy, sad]\n"}
    for split in splits:
        for number in range(4):
            files[f"{images.format(split)}/{number}.jpg"] = fake.picture(len(files), suffix="jpg")
            files[f"{labels.format(split)}/{number}.txt"] = boxes(number % 2) * (1 + number // 2)
    return files


# What it is -> datasets that read it, files, options, images of each split ("" where there is none).
LAYOUTS = {
    "adjectives": (CLASSES, tree(("train", "test"), ADJECTIVES), {}, {"train": 14, "test": 14}),
    "nouns": (CLASSES, tree(("data/train", "data/test"), NOUNS), {}, {"train": 14, "test": 14}),
    "train_set": (CLASSES, tree(("Train_set", "Test_set"), SEVEN), {}, {"train": 14, "test": 14}),
    "numbered names": (CLASSES, tree(("train", "test"), NUMBERED), {}, {"train": 14, "test": 14}),
    "numbers and underscores": (CLASSES, tree(("train", "test"), UNDERSCORED), {}, {"train": 14, "test": 14}),
    "three": (CLASSES, tree(("train", "dev", "test"), SEVEN), {}, {"train": 14, "val": 14, "test": 14}),
    "Usage": (BOTH, tree(("Training", "PublicTest", "PrivateTest"), SEVEN), {}, {"train": 14, "val": 14, "test": 14}),
    "codes of FER2013": (("fer2013",), tree(("Training", "PublicTest"), CODES), {}, {"train": 14, "val": 14}),
    "codes, other splits": (
        ("fer2013",),
        tree(("train", "valid", "test"), CODES),
        {},
        dict.fromkeys(("train", "val", "test"), 14),
    ),
    "codes with names": (("folder",), tree(("train", "test"), CODES), {"codes": SEVEN}, {"train": 14, "test": 14}),
    "Spanish": (CLASSES, tree(("train", "test"), SPANISH), {"names": SPANISH}, {"train": 14, "test": 14}),
    "Chinese": (CLASSES, tree(("train", "test"), CHINESE), {"names": CHINESE}, {"train": 14, "test": 14}),
    "deep": (CLASSES, tree(("a/b/c d/train", "a/b/c d/test"), SEVEN), {}, {"train": 14, "test": 14}),
    "classes above splits": (
        CLASSES,
        tree(("train", "test"), SEVEN, form="{name}/{split}/{number}.png"),
        {},
        {"train": 14, "test": 14},
    ),
    "folders between": (
        CLASSES,
        tree(("train", "test"), SEVEN, form="{split}/images/{name}/{number}.png"),
        {},
        {"train": 14, "test": 14},
    ),
    "split in split": (
        CLASSES,
        tree(("train", "test"), SEVEN, form="{split}/{split}/{name}/{number}.png"),
        {},
        {"train": 14, "test": 14},
    ),
    "an archive called test": (
        CLASSES,
        tree(("fer_test/train", "fer_test/val", "fer_test/test"), SEVEN),
        {},
        dict.fromkeys(("train", "val", "test"), 14),
    ),
    "doubled": (BOTH, DOUBLED, {}, {"train": 14, "val": 14}),
    "Windows": (("folder",), renamed(tree(("train", "test"), SEVEN), "/", "\\"), {}, {"train": 14, "test": 14}),
    "one class": (("folder",), tree(("",), ("happy",), form="{name}/{number}.png"), {}, {"": 2}),
    "RAF-DB as train and valid": (
        ("rafdb",),
        renamed(fake.rafdb_folders(2, lists=False), "/test/", "/valid/"),
        {},
        {"train": 14, "test": 14},
    ),
    "RAF-DB cut in three": (
        ("rafdb",),
        {
            **fake.rafdb_folders(2),
            **tree(("DATASET/val",), RAF_CODES, form="{split}/{name}/train_9{number:04}_aligned.jpg"),
        },
        {},
        {"train": 14, "val": 14, "test": 14},
    ),
    "RAF-DB from 0": (("rafdb",), tree(("train", "test"), CODES), {"names": cases.RAF}, {"train": 14, "test": 14}),
    "RAF-DB's list, aligned names": (
        ("rafdb",),
        {
            name: content.replace(b".jpg ", b"_aligned.jpg\t") if name.endswith("txt") else content
            for name, content in fake.rafdb_official(1).items()
        },
        {},
        {"train": 7, "test": 7},
    ),
    "AffectNet's test_set": (
        ("affectnet",),
        renamed(fake.affectnet_npy(1), "val_set", "test_set"),
        {},
        {"train": 8, "test": 8},
    ),
    "AffectNet's valid": (
        ("affectnet",),
        renamed(fake.affectnet_npy(1), "val_set", "valid"),
        {},
        {"train": 8, "test": 8},
    ),
    "AffectNet by code": (("affectnet",), tree(("train", "val"), [*CODES, "7"]), {}, {"train": 16, "test": 16}),
    "AffectNet by code, seven": (
        ("affectnet",),
        tree(("train_set", "val_set", "test_set"), CODES),
        {},
        dict.fromkeys(("train", "val", "test"), 14),
    ),
    "CK+ as sequences": (
        ("ckplus",),
        tree(("",), ("happy", "sadness"), each=6, form="{name}/S005_001/S005_001_{number:08}.png"),
        {},
        {"": 2},
    ),
    "CK+ as sequences, from neutral": (
        ("ckplus",),
        tree(("x",), ("happy",), each=6, form="{name}/S005/001/{number}.png"),
        {"first_frame_neutral": True, "last_frames": 2},
        {"": 3},
    ),
    "JAFFE in splits": (
        ("jaffe",),
        {f"{'train' if name[:2] == 'KA' else 'test'}/{name}": content for name, content in fake.jaffe().items()},
        {},
        {"train": 7, "test": 14},
    ),
    "people": (("folder",), tree(("S01", "S02"), SEVEN), {}, {"": 28}),
    "people by number": (("folder",), tree(("001", "002"), SEVEN), {}, {"": 28}),
    "a list with a header and blanks": (
        ("folder",),
        {**IMAGES, "l.txt": b"image box label\ntrain/0.png 9 happy\ntest/1.png 9 sad\n"},
        {},
        {"": 2},
    ),
    "AffectNet in folders twice": (
        ("affectnet",),
        renamed(renamed(fake.affectnet_npy(1), "val_set/", "val_set/val_set/"), "train_set/", "train_set/train_set/"),
        {},
        {"train": 8, "test": 8},
    ),
    "lists of paths": (
        ("folder",),
        {
            **IMAGES,
            "train.txt": b"train/0.png happy\ntrain/1.png sad\n",
            "test.txt": b"test/0.png sad\n\ntest/1.png\thappy\n",
        },
        {},
        {"train": 2, "test": 2},
    ),
    "lists named": (
        ("folder",),
        {**IMAGES, "a.csv": b"train/0.png,happy\ntrain/1.png,sad\n", "b.csv": b"path,emotion\ntest/0.png,sad\n"},
        {"csv": {"train": "a.csv", "test": "b.csv"}},
        {"train": 2, "test": 1},
    ),
    "a folder of lists": (
        ("folder",),
        {**IMAGES, "l/train_list.txt": b"train/0.png happy\n", "l/test_list.txt": b"test/0.png sad\n"},
        {"csv": "l"},
        {"train": 1, "test": 1},
    ),
    "a list with a split": (
        ("folder",),
        {**IMAGES, "l.csv": b"pth,emotion,Usage\ntrain/0.png,happy,Training\ntest/1.png,sad,PrivateTest\n"},
        {},
        {"train": 1, "test": 1},
    ),
    "one column an expression": (
        ("folder",),
        {**IMAGES, "l.csv": b"filename, Happy, Sad\ntrain/0.png,1,0\ntrain/1.png,0,1\n"},
        {},
        {"": 2},
    ),
    "a column of images called otherwise": (
        ("folder",),
        {**IMAGES, "l.csv": b"n,foo,label\n1,train/0.png,happy\n2,train/1.png,sad\n"},
        {},
        {"": 2},
    ),
    "a mapping": (
        ("folder",),
        {**IMAGES, "labels.json": b'{"train/0.png": "happy", "test/0.png": "sad"}'},
        {},
        {"": 2},
    ),
    "words around": (
        ("folder",),
        tree(("train", "test"), ("class_happy", "Sad (135)", "fear_2")),
        {},
        {"train": 6, "test": 6},
    ),
    "names without ending": (("folder",), {**IMAGES, "l.csv": b"id,label\ntrain/0,happy\ntest/1,sad\n"}, {}, {"": 2}),
    "Hugging Face's image folder": (
        ("folder",),
        {**IMAGES, "train/metadata.jsonl": HF, "test/metadata.csv": b"file_name,label\n0.png,sad\n"},
        {},
        {"train": 2, "test": 1},
    ),
    "YOLO": (("folder",), yolo(), {}, {"train": 4, "val": 4, "test": 4}),
    "YOLO of Roboflow": (
        ("folder",),
        yolo("x/{}/images", "x/{}/labels", ("train", "valid")),
        {},
        {"train": 4, "val": 4},
    ),
    "YOLO side by side": (("folder",), yolo("{}", "{}", ("train", "test")), {}, {"train": 4, "test": 4}),
}
