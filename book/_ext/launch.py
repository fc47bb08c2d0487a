"""Let the Binder and Colab buttons open notebooks/<name>.ipynb.

The theme takes a page's place in the book for its place in the repository, where no chapters/ is.
"""


def to_the_sources(app, page, template, context, doctree):
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            for button in group["buttons"]:
                button["url"] = button["url"].replace("/chapters/", "/notebooks/")


def setup(app):
    # after the theme, which adds its buttons at 501
    app.connect("html-page-context", to_the_sources, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
