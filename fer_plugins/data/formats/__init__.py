"""The forms that faces come in: archives, folders of classes, lists, tables of pixels, arrays."""
