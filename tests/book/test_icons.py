"""The icons that stand in the place of the theme's script."""

import importlib.util

from tools.notebooks import ROOT

spec = importlib.util.spec_from_file_location("icons", ROOT / "book" / "_ext" / "icons.py")
icons = importlib.util.module_from_spec(spec)
spec.loader.exec_module(icons)

SCRIPT = """
a={sun:[512,512,["day"],"f185","M1 1"],"arrow-up":[384,512,[],"f062","M2 2"]},
b={sun:[640,512,[],"f185","M3 3"]}
"""


def test_an_icon_is_found_by_all_of_its_names_and_the_solid_one_last():
    found = icons.drawn(SCRIPT)
    assert found["sun"] == ("640", "512", "M3 3") and found["day"] == ("512", "512", "M1 1")
    assert found["arrow-up"] == ("384", "512", "M2 2")


def test_only_what_is_named_is_drawn():
    sheet = icons.style({"sun", "unknown"}, icons.drawn(SCRIPT))
    assert sheet.count("--icon: url(") == 1 and ".fa-sun {" in sheet and "M3%203" in sheet


def test_the_script_and_its_preload_leave_a_page():
    preload = '<link rel="preload" as="script" href="s/fontawesome.js?digest=1"/>\n'
    assert icons.TAG.sub("", f'{preload}<script defer src="s/fontawesome.js"></script><p>x</p>') == "<p>x</p>"
