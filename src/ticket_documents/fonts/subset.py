"""Makes the fonts of ticket documents: subset.py NanumGothic.ttf DejaVuSans.ttf (of Debian's fonts-nanum and
fonts-dejavu-core, with fonttools of PyPI). Their licences reserve the names of the originals, so the subsets have
others."""
import sys
from fontTools import subset
from fontTools.ttLib import TTFont


def make(source, target, name, ranges, features, without):
    options = subset.Options(hinting=False, layout_features=features, name_IDs=["*"], notdef_outline=True)
    options.drop_tables += without
    font = TTFont(source)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[c for first, last in ranges for c in range(first, last + 1)])
    subsetter.subset(font)
    font["name"].names = [record for record in font["name"].names if record.nameID not in (7, 16, 17, 18)]
    for record in font["name"].names:
        if record.nameID in (1, 3, 4):
            record.string = name
        elif record.nameID == 6:
            record.string = name.replace(" ", "") + "-Regular"
    font.save(target)


# Latin, symbols, and all Hangul syllables. Without kerning: widths are sums of advances.
make(sys.argv[1], "admit_one_sans.ttf", "Admit One Sans",
     [(0x20, 0x7E), (0xA0, 0xFF), (0x2010, 0x2027), (0x2030, 0x203E), (0x20A0, 0x20BF), (0x2100, 0x214F),
      (0x2190, 0x2199), (0x2460, 0x2473), (0x25A0, 0x25FF), (0x2605, 0x2606), (0x3000, 0x301F),
      (0x3130, 0x318F), (0xAC00, 0xD7A3), (0xFF01, 0xFF5E)], [], ["kern"])
# More Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Georgian.
make(sys.argv[2], "admit_one_more.ttf", "Admit One More",
     [(0x20, 0x20), (0x100, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x531, 0x587), (0x5B0, 0x5F4),
      (0x600, 0x6FF), (0x10A0, 0x10FF), (0x1E00, 0x1EFF), (0xFB1D, 0xFB4F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)],
     ["init", "medi", "fina", "isol", "rlig", "ccmp", "mark", "mkmk", "locl"], ["kern"])
